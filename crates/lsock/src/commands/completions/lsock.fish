# Completions of lsock for fish: lsock completions fish | source
function __lsock_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    $program __complete fish $words -- (commandline -ct) 2>/dev/null
end
complete -c lsock -f -k -a '(__lsock_complete)'
