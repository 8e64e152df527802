# Completion of countersign for fish, 3.0 or later. What stands on the line is handed on
# as it is: no variable is expanded and nothing in parentheses is run before the line is.

function __countersign_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l found ($program __complete $words[2..-1] "$current" 2>/dev/null)
    or return
    set -l directive (string sub -s 2 -- $found[-1])
    set -e found[-1]

    # Of --flag=value fish replaces the whole.
    set -l prefix (string match -r -- '^-[^=]*=' "$current")
    set -l value "$current"
    if test -n "$prefix"
        set value (string replace -r -- '^-[^=]*=' '' "$current")
    end
    if not count $found >/dev/null
        if test (math "floor($directive / 16) % 2") = 1
            set found (__fish_complete_directories "$value")
        else if test (math "floor($directive / 4) % 2") = 0
            set found (__fish_complete_path "$value")
        end
    end
    for line in $found
        printf '%s%s\n' "$prefix" $line
    end
end

complete -c countersign -e
complete -c countersign -f -a '(__countersign_complete)'
