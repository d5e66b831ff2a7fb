#!/usr/bin/env bash
# Runs a dbt project by dbt and by elt and compares what they made (tests/side/beside_dbt.py). DBT_PROJECT names its
# folder; without it jaffle-shop is fetched. DBT names the program. What is missing is said loudly: then nothing was
# compared, which in CI is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

left_out() {
    say "!!! NOTHING WAS COMPARED WITH DBT: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

command -v python3 >/dev/null 2>&1 || left_out "there is no python3"
dbt="${DBT:-dbt}"
command -v "$dbt" >/dev/null 2>&1 || left_out "there is no $dbt (python3 -m pip install dbt-core dbt-postgres, or DBT=/path/to/dbt)"

project="${DBT_PROJECT:-}"
vars=()
if [ -z "$project" ]; then
    project="${CARGO_TARGET_DIR:-target}/jaffle-shop"
    vars=(--vars '{load_source_data: true}')
    if [ ! -e "$project/dbt_project.yml" ]; then
        rm -rf "$project"
        git clone --quiet --depth 1 https://github.com/dbt-labs/jaffle-shop "$project" 2>/dev/null ||
            left_out "jaffle-shop cannot be fetched; name a project's folder with DBT_PROJECT"
    fi
fi
# The arguments are quoted as in a shell.
eval "arguments=(${DBT_ARGS:-})"
exec python3 tests/side/beside_dbt.py "$project" "$dbt" "${vars[@]}" "${arguments[@]}"
