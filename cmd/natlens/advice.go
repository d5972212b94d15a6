//go:build linux

package main

import (
	"errors"
	"io/fs"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/netns"
)

// advice says what can be done about an error of the given command line, "" for
// most errors.
func advice(err error, args []string) string {
	text := "try sudo " + monitor.ShellLine(append([]string{"natlens"}, args...)...)
	if _, ok := errors.AsType[cli.NetnsError](err); ok && errors.Is(err, fs.ErrPermission) {
		return text // the lab is no other way into that namespace
	}
	if !errors.Is(err, netns.ErrPrivilege) {
		return ""
	}
	if len(args) > 0 && args[0] == "lab" {
		return text
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "--") { // the terminal UI, which the lab has too
		return text + ", or natlens lab, which needs no privilege"
	}
	return text + ", or natlens lab --watch, which needs no privilege"
}
