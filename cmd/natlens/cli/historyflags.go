package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"natlens/export/history"
	"natlens/monitor/human"
)

// HistoryFlags says which history a run writes. The zero value writes none.
type HistoryFlags struct {
	dir     string
	Keep    []string // a time; for record a number of files as well
	maxSize string
}

func (c *HistoryFlags) Register(cmd *cobra.Command, keepUsage string) {
	f := cmd.Flags()
	f.StringVar(&c.dir, "history", "", "keep a log of all translations in this `directory`, for natlens who")
	f.StringArrayVar(&c.Keep, "keep", nil, keepUsage)
	f.StringVar(&c.maxSize, "max-size", "", "with --history: keep the newest `bytes` of it, such as 50GB")
	InGroup(f, GroupOutput, "history", "keep", "max-size")
	MustComplete(cmd, "history", CompleteDir)
	MustComplete(cmd, "keep", cobra.NoFileCompletions)
	MustComplete(cmd, "max-size", cobra.NoFileCompletions)
}

// KeepHistoryHelp is the help of --keep where it is for the history alone.
const KeepHistoryHelp = "with --history: keep what ended less than this `time` ago, such as 90d"

// Given reports whether the run writes a history.
func (c *HistoryFlags) Given() bool { return c.dir != "" }

// Config reads the flags. files is the number of files in --keep, 0 if it has none;
// the caller rejects it if there are no files to keep.
func (c *HistoryFlags) Config() (cfg history.Config, files int, err error) {
	for _, text := range c.Keep {
		age, isAge := parseAge(text)
		n, err := strconv.Atoi(text)
		switch {
		case isAge && cfg.Keep == 0:
			cfg.Keep = age
		case err == nil && n > 0 && files == 0:
			files = n
		case isAge || err == nil && n > 0:
			return cfg, 0, Usagef("--keep %s: there is one already", text)
		default:
			return cfg, 0, Usagef("--keep %s: not a time of a minute or more, such as 90d or 36h, nor a number of files", text)
		}
	}
	if c.maxSize != "" {
		size, ok := ParseSize(c.maxSize, MaxSize)
		if !ok {
			return cfg, 0, Usagef("--max-size %s: not a size such as 50GB", c.maxSize)
		}
		if size < minHistory {
			return cfg, 0, Usagef("--max-size %s: %s; the least is 1MiB", c.maxSize, human.Plural(size, "byte"))
		}
		cfg.MaxSize = size
	}
	switch {
	case !c.Given() && cfg.Keep > 0:
		return cfg, 0, Usagef("--keep %s: a time is for --history", c.Keep[0])
	case !c.Given() && cfg.MaxSize > 0:
		return cfg, 0, Usagef("--max-size needs --history")
	}
	cfg.Dir = c.dir
	return cfg, files, nil
}

// minHistory is the least --max-size. A smaller number lacks a unit.
const minHistory = 1 << 20

// parseAge reads a time that may be given in days: 90d, 36h, 1d12h.
func parseAge(text string) (time.Duration, bool) {
	age, err := ParseSpan(text)
	return age, err == nil && age >= time.Minute
}

// Beside is Config for commands that keep no other files.
func (c *HistoryFlags) Beside() (history.Config, error) {
	cfg, files, err := c.Config()
	if err == nil && files > 0 {
		err = Usagef("--keep %d: not a time such as 90d", files)
	}
	return cfg, err
}

// CompleteDir completes the name of a directory.
func CompleteDir(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
