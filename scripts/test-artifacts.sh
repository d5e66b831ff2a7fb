#!/usr/bin/env bash
# Reads elt's artifacts with dbt-artifacts-parser, as dbt's own tools would. Without Python or its packages it
# is left out, but not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

version=0.15.0
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
venv="$target/dbt-artifacts-parser-$version"
log="$target/test-artifacts.log"

left_out() {
    say "!!! THE ARTIFACTS WERE NOT READ BY DBT'S PARSER: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

if [ ! -e "$venv/complete" ]; then
    command -v python3 >/dev/null 2>&1 || left_out "there is no python3"
    rm -rf "$venv"
    python3 -m venv "$venv" >"$log" 2>&1 || left_out "python3 -m venv does not work here, see $log"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "dbt-artifacts-parser==$version" \
        >"$log" 2>&1 || left_out "dbt-artifacts-parser $version cannot be installed, see $log"
    touch "$venv/complete"
fi

ELT_TEST_ARTIFACTS_PYTHON="$venv/bin/python" cargo test --locked --quiet --test elt artifacts::
