package main

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// withoutCommand says what natlens does if it is given no command.
const withoutCommand = `Without a command it opens the terminal UI on this host's flows, which takes the right to look at them: CAP_NET_ADMIN, such as sudo gives. natlens lab and natlens demo need no privilege.`

// platformCommands are the commands that need a Linux kernel.
func platformCommands(con cli.Console) []*cobra.Command {
	return []*cobra.Command{newWatch(con), newList(con), newGet(con), newDelete(con), newFlush(con), newCreate(con), newUpdate(con),
		newCount(con), newStats(con), newExpect(con), newExplain(con), newRecord(con), newDoctor(con), newLab(con), newWho(con)}
}
