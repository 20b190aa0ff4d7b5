# Completions of lsock for Elvish: eval (lsock completions elvish | slurp)
set edit:completion:arg-completer[lsock] = {|program @words|
    (external $program) __complete elvish $@words | from-lines | each {|line|
        var parts = [(use str; str:split "\t" $line)]
        if (> (count $parts) 1) {
            edit:complex-candidate $parts[0] &display=$parts[0]' ('$parts[1]')'
        } else {
            edit:complex-candidate $parts[0]
        }
    }
}
