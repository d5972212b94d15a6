package main

import "github.com/spf13/cobra"

// platformCommands are the commands that need a Linux kernel.
func platformCommands(con console) []*cobra.Command {
	return []*cobra.Command{newWatch(con), newList(con), newGet(con), newDelete(con), newFlush(con), newCreate(con), newUpdate(con),
		newCount(con), newStats(con), newExpect(con), newExplain(con), newRecord(con), newDoctor(con), newLab(con)}
}
