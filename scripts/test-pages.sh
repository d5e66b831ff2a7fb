#!/usr/bin/env bash
# Tries elt's pages in a real Chromium: what a person clicks works, nothing is logged, nothing is fetched, axe
# finds nothing serious. Without Chromium or Node it is left out, but not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. scripts/packages.sh

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
log="$target/test-pages.log"

left_out() {
    say "!!! THE PAGES WERE NOT TRIED IN A BROWSER: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

scripts/install-chromium.sh || left_out "there is no Chromium, or no Node"
if [ -z "${CHROMIUM:-}" ]; then
    CHROMIUM=$(command -v chromium || command -v google-chrome ||
        echo "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
fi
export CHROMIUM

# Installed beside the build, so that the sources stay clean.
tests="$target/test-pages"
mkdir -p "$tests"
cp tests/pages/* "$tests/"
if ! cmp -s tests/pages/package-lock.json "$tests/node_modules/installed.json"; then
    (cd "$tests" && npm ci --no-audit --no-fund >"$log" 2>&1) || left_out "npm ci does not work here, see $log"
    cp tests/pages/package-lock.json "$tests/node_modules/installed.json"
fi

cargo build --locked --quiet --bin elt
elt="$target/debug/elt"

scratch=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    "$elt" --project-dir "$scratch/project" clean --database >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap cleanup EXIT

# A copy of the project, run once on a small sample, so that the pages have results to show.
mkdir "$scratch/project"
cp -R "$root/models" "$root/rules" "$root/macros" "$root/profiles.yml" "$scratch/project/"
mkdir "$scratch/project/tests" && cp -R "$root/tests/sql" "$scratch/project/tests/"
run() { env -u DATABASE_URL "$elt" --project-dir "$scratch/project" --quiet "$@"; }
run run --vars "{voucher_history: 'sample://vouchers?rows=20000&seed=7'}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
run docs --out "$scratch/site" >/dev/null
run docs >/dev/null
node "$tests/docs.mjs" "$scratch/site/index.html"

# The same project served, to whom the token lets start runs.
export ELT_PAGES_TOKEN="a token with spaces & signs"
sed -i.orig "s/^service:/service:\n  run_token: \"{{ env_var('ELT_PAGES_TOKEN') }}\"/" "$scratch/project/profiles.yml"
touch "$scratch/serving"
vars="{voucher_history: 'sample://vouchers?rows=20000&seed=7'}"
env -u DATABASE_URL "$elt" --project-dir "$scratch/project" --json serve --port 0 --vars "$vars" >"$scratch/serving" 2>"$log" &
server=$!
for _ in $(seq 150); do
    grep -q . "$scratch/serving" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$scratch/serving")
[ -n "$address" ] || {
    cat "$scratch/serving" "$log" >&2
    exit 1
}
node "$tests/pages.mjs" "$address/" "$ELT_PAGES_TOKEN"
