# The project's own names, asked for from elt itself.
_elt_names() {
    local kind=$1 at
    local -a options names
    at=${words[(I)--project-dir]}
    (( at > 0 )) && options=(--project-dir ${(Q)words[at + 1]})
    names=(${(f)"$(elt $options complete $kind "${(Q)PREFIX}" 2>/dev/null)"})
    if (( ${#names} )); then
        compadd -S '' -- $names
    else
        _default
    fi
}
