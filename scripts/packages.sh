# Installs packages of the system. Sourced by the other scripts; does nothing by itself.

say() { echo "$*" >&2; }

# as_root COMMAND...: directly, or through sudo, which is not asked for a password where nobody can type one.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        if [ -t 0 ] && [ -z "${CI:-}" ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        say "this needs root, and there is no sudo: $*"
        return 1
    fi
}

# apt_install PACKAGE...: quiet unless it fails. Fresh machines have no package lists, old ones stale lists.
apt_install() {
    apt_log=$(mktemp)
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
            >"$apt_log" 2>&1 </dev/null ||
        { as_root apt-get update -qq >>"$apt_log" 2>&1 </dev/null &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
                >>"$apt_log" 2>&1 </dev/null; }; then
        rm -f "$apt_log"
    else
        cat "$apt_log" >&2
        rm -f "$apt_log"
        return 1
    fi
}
