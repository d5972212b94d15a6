package main

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/doctor"
	"natlens/cmd/natlens/expect"
	"natlens/cmd/natlens/explain"
	"natlens/cmd/natlens/stats"
	"natlens/cmd/natlens/table"
	"natlens/cmd/natlens/top"
	"natlens/cmd/natlens/trace"
	"natlens/cmd/natlens/watch"
	"natlens/cmd/natlens/who"
	"natlens/cmd/natlens/why"
	"natlens/monitor"
	"natlens/monitor/netns"
)

// withoutCommand describes natlens without a command.
const withoutCommand = `Without a command it opens the terminal UI on this host's flows. ` +
	`That needs CAP_NET_ADMIN, for example by sudo.

natlens lab and natlens demo need no privilege.`

func platformCommands(con cli.Console) []*cobra.Command {
	return []*cobra.Command{
		watch.New(con), table.NewList(con), table.NewGet(con), table.NewDelete(con), table.NewFlush(con),
		table.NewCreate(con), table.NewUpdate(con), table.NewCount(con), stats.New(con), expect.New(con),
		explain.New(con), top.New(con), trace.New(con), why.New(con),
		watch.NewRecord(con), doctor.New(con), who.New(con),
	}
}

// advice returns what a user can do about an error of the given command line, or "".
func advice(err error, args []string) string {
	text := "try sudo " + monitor.ShellLine(append([]string{"natlens"}, args...)...)
	if _, ok := errors.AsType[cli.NetnsError](err); ok && errors.Is(err, fs.ErrPermission) {
		return text // the lab does not lead into that namespace
	}
	if !errors.Is(err, netns.ErrPrivilege) {
		return ""
	}
	instead := "natlens lab --watch"
	switch {
	case newLab == nil, len(args) > 0 && args[0] == "lab":
		return text
	case len(args) > 0 && args[0] == "why":
		instead = "natlens why --send"
	case len(args) == 0 || strings.HasPrefix(args[0], "--"): // the terminal UI, which lab also opens
		instead = "natlens lab"
	}
	return text + ", or " + instead + ", which needs no privilege"
}
