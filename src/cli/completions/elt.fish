# The project's own names, asked for from elt itself.
function __elt_names
    set -l words (commandline -opc)
    set -l options
    if set -l at (contains -i -- --project-dir $words)
        set options --project-dir $words[(math $at + 1)]
    end
    elt $options complete $argv[1] (commandline -ct) 2>/dev/null
end

# The last option that is typed; a selection takes any number of words.
function __elt_last_option
    set -l options (string match -r -- '^-.*' (commandline -opc))
    contains -- "$options[-1]" $argv
end

# The word behind an option, then the further ones of a selection.
complete -c elt -n '__elt_last_option -s --select' -s s -l select -x -a '(__elt_names select)'
complete -c elt -n '__elt_last_option --exclude' -l exclude -x -a '(__elt_names select)'
complete -c elt -n '__elt_last_option --selector' -l selector -x -a '(__elt_names selector)'
complete -c elt -n '__elt_last_option -t --target' -s t -l target -x -a '(__elt_names target)'
complete -c elt -n '__elt_last_option --defer' -l defer -x -a '(__elt_names target)'
complete -c elt -n '__elt_last_option -s --select --exclude' -f -a '(__elt_names select)'
complete -c elt -n '__fish_seen_subcommand_from show' -f -a '(__elt_names model)'
complete -c elt -n '__fish_seen_subcommand_from lineage' -f -a '(__elt_names column)'
complete -c elt -n '__fish_seen_subcommand_from run-operation' -f -a '(__elt_names macro)'
