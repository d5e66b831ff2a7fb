# The project's own names, asked for from elt itself.
_elt_with_names() {
    local line word before command kind names
    line="${COMP_LINE:0:COMP_POINT}"
    # bash would cut words at colons.
    word="${line##*[[:space:]]}"
    before="${line%"$word"}"
    read -r -a before <<<"$before"
    command=""
    kind=""
    local at text options=()
    for ((at = 1; at < ${#before[@]}; at++)); do
        text="${before[at]}"
        case "$text" in
            -s | --select | --exclude) kind=select ;;
            --selector) kind=selector ;;
            -t | --target | --defer) kind=target ;;
            --project-dir) kind=file; options=(--project-dir "${before[at + 1]-}") ;;
            -*) kind=other ;;
            *)
                if [[ -z "$command" && "$kind" != target && "$kind" != file && "$kind" != other ]]; then
                    command="$text"
                fi
                # Options of one value have it now; a selection takes any number.
                [[ "$kind" == select ]] || kind=""
                ;;
        esac
    done
    if [[ ( -z "$kind" || "$kind" == other ) && "$word" != -* ]]; then
        case "$command" in
            show) kind=model ;;
            lineage) kind=column ;;
            run-operation) kind=macro ;;
        esac
    fi
    case "$kind" in
        select | selector | target | model | column | macro)
            if [[ "$word" != -* ]]; then
                names="$(elt "${options[@]}" complete "$kind" "$word" 2>/dev/null)"
                if [[ -n "$names" ]]; then
                    local IFS=$'\n'
                    COMPREPLY=($names)
                    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
                        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
                    fi
                    return 0
                fi
            fi
            ;;
    esac
    _elt "$@"
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _elt_with_names -o nosort -o bashdefault -o default elt
else
    complete -F _elt_with_names -o bashdefault -o default elt
fi
