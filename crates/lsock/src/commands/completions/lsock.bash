# Completions of lsock for bash: source <(lsock completions bash)
_lsock() {
    local line
    COMPREPLY=()
    # The whole line, since bash splits words at : and = too.
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("$1" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    # After --port= and in :80 the word may go on.
    [[ ${COMPREPLY[0]-} != *[=:] ]] || compopt -o nospace 2>/dev/null
}
complete -F _lsock lsock
