package main

import (
	"strings"

	"natlens/monitor/filter"
)

// classic translates a command line of conntrack(8) into natlens's own; other
// command lines stay as they are, but for optional values of flags, which are
// attached to their flag.
//
//	-E -p tcp -o id   →   watch --classic -p tcp -o id
func classic(args []string) []string {
	args = filter.AttachOptional(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		rest := ""
		switch {
		case arg == "-E", arg == "--event":
		case i == 0 && strings.HasPrefix(arg, "-E"):
			rest = "-" + arg[2:] // -Ep tcp
		default:
			continue
		}
		out := append([]string{"watch", "--classic"}, args[:i]...)
		if rest != "" {
			out = append(out, rest)
		}
		return append(out, args[i+1:]...)
	}
	return args
}
