package main

import "github.com/spf13/cobra"

// historyConfig says which history is kept beside a run; the zero value keeps none.
type historyConfig struct {
	dir     string
	keep    []string // a time; for record a number of files as well
	maxSize string
}

func (c *historyConfig) register(cmd *cobra.Command, keepUsage string) {
	f := cmd.Flags()
	f.StringVar(&c.dir, "history", "", "keep a log of all translations in this `directory`, for natlens who")
	f.StringArrayVar(&c.keep, "keep", nil, keepUsage)
	f.StringVar(&c.maxSize, "max-size", "", "with --history: keep the newest `bytes` of it, such as 50GB")
	inGroup(f, groupOutput, "history", "keep", "max-size")
	mustComplete(cmd, "history", completeDir)
	mustComplete(cmd, "keep", cobra.NoFileCompletions)
	mustComplete(cmd, "max-size", cobra.NoFileCompletions)
}

// keepHistoryHelp is the help of --keep where it is for the history alone.
const keepHistoryHelp = "with --history: keep what ended less than this `time` ago, such as 90d"

// given reports whether a history is to be kept.
func (c *historyConfig) given() bool { return c.dir != "" }
