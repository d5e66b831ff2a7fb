#!/bin/sh
# Makes `python3 -m venv` work, for the tests that try the HTTP API from outside. Without it they are left
# out, so a failure here is said and is no error.
set -eu
. "$(dirname "$0")/packages.sh"

python3 -c 'import ensurepip, venv' >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1; then
    say "installing python3-venv (apt-get install python3-venv)"
    apt_install python3 python3-venv || say "python3-venv was not installed: the tests that need it are left out"
else
    say "python3 with venv is missing: the tests that need it are left out"
fi
