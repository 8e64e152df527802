# Completion of countersign for bash, 3.2 or later. Nothing else has to be installed.
#
# What stands on the line is handed on as it is: no variable is expanded and no $(…)
# is run before the line is.

_countersign() {
    local line=${COMP_LINE:0:COMP_POINT} current=$2 word value out directive i
    local words=() blank

    # Bash breaks words at = and : too. What no blank separates is one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=
        while [[ $line == [[:blank:]]* ]]; do
            line=${line#?} blank=1
        done
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)) || [[ $line != "$word"* ]]; then
            word=$line
        fi
        line=${line#"$word"}
        if ((i == 0)) || [[ $blank ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
    done

    COMPREPLY=()
    for word in "${words[@]}"; do
        case $word in
            [\<\>]* | [0-9\&][\<\>]*) return ;; # a redirection: names of files
        esac
    done

    out=$("${words[0]/#\~/$HOME}" __completeNoDesc "${words[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    out=${out%:*}

    # Of --flag=one,tw bash replaces only what stands after its own last break.
    value=${words[${#words[@]} - 1]}
    case $value in
        -*=*) value=${value#*=} ;;
    esac
    value=${value%"$current"}
    while IFS= read -r word; do
        if [[ $word ]]; then
            COMPREPLY+=("${word#"$value"}")
        fi
    done <<<"$out"

    # Bash 3.2, which macOS has, always adds a blank and always knows files.
    if [[ $(type -t compopt) == builtin ]]; then
        if ((directive & 2)); then compopt -o nospace; fi
        if ((directive & 4)); then compopt +o default; fi
        if ((directive & 16)); then compopt +o default -o dirnames; fi
    fi
}

complete -o default -F _countersign countersign
