#compdef countersign
# Completion of countersign for zsh. What stands on the line is handed on as it is: no
# variable is expanded and no $(…) is run before the line is. (What zsh binds to Tab
# expands the word under the cursor by itself, before it asks.)

_countersign() {
    local out directive line name
    local -a found options

    out=$("${${(Q)words[1]}/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null) || return 1
    directive=${out##*:}
    for line in "${(@f)${out%:*}}"; do
        name=${line%%$'\t'*}
        [[ -n $name ]] || continue
        # A colon begins the description.
        if [[ $line == *$'\t'* ]]; then
            found+=("${name//:/\\:}:${line#*$'\t'}")
        else
            found+=("${name//:/\\:}")
        fi
    done

    if [[ $PREFIX == -*=* ]]; then
        compset -P 1 '*='
    fi
    if ((directive & 2)); then
        options=(-S '')
    fi
    if ((${#found})); then
        _describe countersign found "${options[@]}"
    elif ((directive & 16)); then
        _files -/
    elif ((!(directive & 4))); then
        _files
    else
        return 1
    fi
}

if [[ $funcstack[1] == _countersign ]]; then
    _countersign "$@" # from a folder of $fpath
else
    compdef _countersign countersign
fi
