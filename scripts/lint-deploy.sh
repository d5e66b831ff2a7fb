#!/usr/bin/env bash
# What deploys elt, read by the tools it is for: the systemd unit by systemd-analyze, compose.yaml by docker compose.
# A tool that is not here is left out, loudly.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

if command -v systemd-analyze >/dev/null 2>&1; then
    # It wants the programs that a unit names to be there.
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    sed "s|^ExecStart=[^ ]*|ExecStart=$(command -v true)|" deploy/elt.service >"$scratch/elt.service"
    systemd-analyze verify --man=no "$scratch/elt.service"
    echo "deploy/elt.service: good"
else
    say "!!! deploy/elt.service WAS NOT CHECKED: there is no systemd-analyze"
fi

if docker compose version >/dev/null 2>&1; then
    docker compose --file compose.yaml config --quiet
    echo "compose.yaml: good"
else
    say "!!! compose.yaml WAS NOT CHECKED: there is no docker compose"
fi
