package cli

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"natlens/export/history"
	"natlens/monitor/human"
)

// HistoryFlags say which history is written beside a run. The zero value writes none.
type HistoryFlags struct {
	dir     string
	Keep    []string // a time; for record also a number of files
	maxSize string
}

// Register adds the flags. The help of --keep is usage.
func (c *HistoryFlags) Register(cmd *cobra.Command, usage string) {
	f := cmd.Flags()
	f.StringVar(&c.dir, "history", "", "keep a log of all translations in this `directory`, for natlens who")
	f.StringArrayVar(&c.Keep, "keep", nil, usage)
	f.StringVar(&c.maxSize, "max-size", "", "with --history: delete the oldest files above this size in `bytes`, such as 50GB")
	InGroup(f, GroupOutput, "history", "keep", "max-size")
	MustComplete(cmd, "history", CompleteDir)
	NoComplete(cmd, "keep", "max-size")
}

// KeepHistoryHelp is the help of --keep for a history only.
const KeepHistoryHelp = "with --history: keep translations that ended less than this `time` ago, such as 90d"

// Given reports whether a history is written.
func (c *HistoryFlags) Given() bool { return c.dir != "" }

// Config reads the flags. Files is the number of files that --keep gives, 0 if none.
func (c *HistoryFlags) Config() (cfg history.Config, files int, err error) {
	for _, text := range c.Keep {
		age, spanErr := ParseSpan(text)
		n, countErr := strconv.Atoi(text)
		switch isAge, isCount := spanErr == nil && age >= time.Minute, countErr == nil && n > 0; {
		case isAge && cfg.Keep == 0:
			cfg.Keep = age
		case isCount && files == 0:
			files = n
		case isAge || isCount:
			return cfg, 0, Usagef("--keep %s: there is one already", text)
		default:
			return cfg, 0, Usagef("--keep %s: not a time of a minute or more, such as 90d or 36h, nor a number of "+
				"files", text)
		}
	}
	if c.maxSize != "" {
		if cfg.MaxSize, err = ParseSize(c.maxSize, MaxSize); err != nil {
			return cfg, 0, Usagef("--max-size %s: %w", c.maxSize, err)
		}
		if cfg.MaxSize < minHistory {
			return cfg, 0, Usagef("--max-size %s: a history has at least %s", c.maxSize, human.Bytes(minHistory))
		}
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

// minHistory is the least size of a history. A smaller one is probably a forgotten unit.
const minHistory = 1_000_000

// Beside is Config for commands that write no files to count.
func (c *HistoryFlags) Beside() (history.Config, error) {
	cfg, files, err := c.Config()
	if err == nil && files > 0 {
		err = Usagef("--keep %d: not a time such as 90d", files)
	}
	return cfg, err
}

// OpenHistory opens the history of a run for writing. Notes about it go to notes, a
// line each.
func OpenHistory(cfg history.Config, notes io.Writer) (*history.Writer, error) {
	cfg.Note = func(text string) { fmt.Fprintf(notes, "natlens: %s\n", text) }
	w, err := history.NewWriter(cfg)
	if err != nil {
		return nil, fmt.Errorf("--history %s: %w", cfg.Dir, err)
	}
	return w, nil
}

// HistoryText sums up what a run has written to its history.
func HistoryText(st history.Stats) string {
	text := fmt.Sprintf("history: %s ended, %s open, %s on disk",
		human.Plural(st.Rows+uint64(st.Pending), "translation"), human.Count(uint64(st.Open)),
		human.Bytes(uint64(st.Bytes)))
	if st.Unkept > 0 {
		text += fmt.Sprintf(", %s could not be written", human.Count(st.Unkept))
	}
	return text
}
