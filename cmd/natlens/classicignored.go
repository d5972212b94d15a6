package main

import (
	"slices"
	"strings"
)

// classicIgnored are flags with a value that conntrack(8) takes and that select
// nothing: the first it ignores with a warning since 2008, the second it does not
// compare, and kernels tell no such mark since 2.6.37.
var classicIgnored = []struct {
	short, long string
	commands    []string // natlens's names of those that take it; nil: all
}{
	{"-a", "--nat-range", nil},
	{"-c", "--secmark", []string{"watch", "list"}},
}

// classicOptions makes of a command line that [classic] has translated one of
// natlens's flags alone: conntrack(8)'s --output is -o, and what it ignores is
// taken out and named in ignored. Other command lines stay as they are.
func classicOptions(args []string) (out, ignored []string) {
	at := slices.Index(args, "--classic")
	if at != 1 && (at != 2 || args[0] != "expect") {
		return args, nil
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...), ignored
		}
		name, n := ignoredFlag(args[0], arg)
		switch {
		case n > 0:
			i += n - 1
			ignored = append(ignored, name)
		case arg == "--output", strings.HasPrefix(arg, "--output="):
			out = append(out, "--output-format"+strings.TrimPrefix(arg, "--output"))
		default:
			out = append(out, arg)
		}
	}
	return out, ignored
}

// ignoredFlag returns the name of a flag that a command ignores, and how many
// arguments it is; 0 for other arguments.
func ignoredFlag(command, arg string) (name string, n int) {
	for _, f := range classicIgnored {
		switch {
		case f.commands != nil && !slices.Contains(f.commands, command):
		case arg == f.short, arg == f.long:
			return f.long, 2
		case strings.HasPrefix(arg, f.long+"="), strings.HasPrefix(arg, f.short) && !strings.HasPrefix(arg, "--"):
			return f.long, 1
		}
	}
	return "", 0
}
