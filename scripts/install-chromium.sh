#!/bin/sh
# Installs what the tests of pages need where it is missing: Chromium, and Node with npm. Says nothing when
# there is nothing to do.
set -eu
. "$(dirname "$0")/packages.sh"

chromium() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
        [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ]
}
node() { command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; }

chromium && node && exit 0

if command -v apt-get >/dev/null 2>&1; then
    say "installing a browser to test pages with (apt-get install chromium nodejs npm)"
    chromium || apt_install chromium || say "Chromium was not installed; try: sudo apt-get install -y chromium"
    node || apt_install nodejs npm || say "Node was not installed; try: sudo apt-get install -y nodejs npm"
elif command -v brew >/dev/null 2>&1; then
    node || brew install --quiet node >&2
    chromium || brew install --quiet --cask google-chrome >&2
fi
chromium && node
