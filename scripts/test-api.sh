#!/usr/bin/env bash
# Tries the running service from outside, against its own description: requests made by Schemathesis, on a
# copy of the project with a small sample and the embedded PostgreSQL. Without Python or its packages it is
# left out, but not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. scripts/packages.sh

version=4.32.5
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
venv="$target/schemathesis-$version"
log="$target/test-api.log"

left_out() {
    say "!!! THE API WAS NOT TRIED FROM OUTSIDE: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

if [ ! -e "$venv/complete" ]; then
    command -v python3 >/dev/null 2>&1 || left_out "there is no python3"
    rm -rf "$venv"
    python3 -m venv "$venv" >"$log" 2>&1 || left_out "python3 -m venv does not work here, see $log"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "schemathesis==$version" \
        >"$log" 2>&1 || left_out "schemathesis $version cannot be installed, see $log"
    touch "$venv/complete"
fi

cargo build --locked --quiet --bin elt
elt="$target/debug/elt"
project=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$project"
}
trap cleanup EXIT
cp -R models rules macros profiles.yml "$project/"
unset DATABASE_URL ELT_HOST ELT_PORT
in_project() { (cd "$project" && exec "$elt" "$@"); }

vars='{voucher_history: history.csv}'
{ in_project --quiet generate vouchers --rows 2000 --seed 3 --out history.csv &&
    in_project --quiet run --vars "$vars"; } >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}
touch "$project/serving"
(cd "$project" && exec "$elt" --json serve --port 0 --vars "$vars") >"$project/serving" 2>"$log" &
server=$!
for _ in $(seq 150); do
    grep -q . "$project/serving" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$project/serving")
[ -n "$address" ] || {
    cat "$project/serving" "$log" >&2
    exit 1
}

status=0
(cd "$project" && exec "$venv/bin/schemathesis" --config-file "$root/tests/api/schemathesis.toml" \
    run "$address/openapi.json" --checks all --max-examples "${API_EXAMPLES:-200}" --seed "${API_SEED:-1}" \
    --request-timeout 30 --continue-on-failure --no-color) || status=$?

kill "$server"
wait "$server" || { say "serve did not stop well, see $log"; status=1; }
server=
if grep -q 'panic' "$log"; then
    say "the service panicked, see $log"
    status=1
fi
exit "$status"
