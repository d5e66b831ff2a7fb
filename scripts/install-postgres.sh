#!/bin/sh
# Installs PostgreSQL's server programs where elt would not find any. Says nothing when there is nothing to do.
set -eu
. "$(dirname "$0")/packages.sh"

oldest=14

# Whether folder $1 holds server programs that elt can use; elt itself looks in the same folders.
usable() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] || return 1
    major=$("$1/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge "$oldest" ]
}

found() {
    if [ -n "${ELT_PG_BIN:-}" ]; then
        usable "$ELT_PG_BIN" && return 0
        say "ELT_PG_BIN is $ELT_PG_BIN, which holds no PostgreSQL $oldest or later; correct it or unset it"
        exit 1
    fi
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin; do
        usable "$folder" && return 0
    done
    program=$(command -v postgres || true)
    [ -n "$program" ] && usable "$(dirname "$program")"
}

found && exit 0

if command -v apt-get >/dev/null 2>&1; then
    say "installing PostgreSQL (apt-get install postgresql)"
    apt_install postgresql || {
        say "PostgreSQL was not installed; try: sudo apt-get install -y postgresql"
        exit 1
    }
elif command -v brew >/dev/null 2>&1; then
    say "installing PostgreSQL (brew install postgresql@17)"
    brew install --quiet postgresql@17 >&2
elif [ "$(uname -s)" = Darwin ]; then
    say "PostgreSQL is missing. Install Homebrew (https://brew.sh), then: brew install postgresql@17"
    exit 1
else
    say "PostgreSQL $oldest or later is missing, and this script knows only apt-get and brew."
    say "Install its server programs (initdb and postgres) with this system's own tool, then try again;"
    say "or set ELT_PG_BIN to their folder, or DATABASE_URL to a server of your own."
    exit 1
fi

found || {
    say "a package was installed, but it is no PostgreSQL $oldest or later; see https://www.postgresql.org/download/"
    exit 1
}
