package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/export/history"
	"natlens/export/metrics"
	"natlens/monitor/findings"
	"natlens/monitor/human"
)

// HistoryFlags say which history a run writes. The zero value means none.
type HistoryFlags struct {
	dir     string
	Keep    []string // a time; for record also a number of files
	maxSize string
}

// Register adds the flags. usage is the help of --keep. A build without a history has only a --keep of files.
func (c *HistoryFlags) Register(cmd *cobra.Command, usage string) {
	f := cmd.Flags()
	if !history.Supported {
		if usage == KeepFilesHelp {
			f.StringArrayVar(&c.Keep, "keep", nil, "with --rotate: keep this `number` of files, such as 24")
			InGroup(f, GroupOutput, "keep")
		}
		return
	}
	f.StringVar(&c.dir, "history", "", "keep a log of all translations in this `directory`, for natlens who")
	f.StringArrayVar(&c.Keep, "keep", nil, usage)
	f.StringVar(&c.maxSize, "max-size", "", "with --history: delete the oldest files above this size in `bytes`, "+
		"such as 50GB")
	InGroup(f, GroupOutput, "history", "keep", "max-size")
}

// KeepHistoryHelp is the help of --keep for a command that writes only a history.
const KeepHistoryHelp = "with --history: keep translations that ended less than this `time` ago, such as 90d"

// KeepFilesHelp is the help of --keep for a command that also has --rotate.
const KeepFilesHelp = "keep up to this `limit`: with --rotate a number of files, such as 24; with --history the " +
	"time since a translation ended, such as 90d; give it twice for both"

// Given reports whether a history is written.
func (c *HistoryFlags) Given() bool { return c.dir != "" }

// Config reads the flags. files is the number of files of --keep, or 0.
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
			return cfg, 0, Usagef("--keep %s: give at most one time and one number of files", text)
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
			return cfg, 0, Usagef("--max-size %s: must be at least %s", c.maxSize, human.Bytes(minHistory))
		}
	}
	switch {
	case !c.Given() && cfg.Keep > 0:
		return cfg, 0, Usagef("--keep %s: a time needs --history", c.Keep[0])
	case !c.Given() && cfg.MaxSize > 0:
		return cfg, 0, Usagef("--max-size needs --history")
	}
	cfg.Dir = c.dir
	return cfg, files, nil
}

// minHistory is the minimum size of a history. A smaller number probably lacks its unit.
const minHistory = 1_000_000

// Beside is Config for commands without a number of files.
func (c *HistoryFlags) Beside() (history.Config, error) {
	cfg, files, err := c.Config()
	if err == nil && files > 0 {
		err = Usagef("--keep %d: not a time such as 90d", files)
	}
	return cfg, err
}

// OpenHistory opens the history of a run for writing. Its notes go to notes, one per line.
func OpenHistory(cfg history.Config, notes io.Writer) (*history.Writer, error) {
	cfg.Note = func(text string) { fmt.Fprintf(notes, "natlens: %s\n", text) }
	w, err := history.NewWriter(cfg)
	if err != nil {
		return nil, fmt.Errorf("--history %s: %w", cfg.Dir, err)
	}
	return w, nil
}

// HistoryText returns a summary of what a run has written to its history.
func HistoryText(st history.Stats) string {
	text := fmt.Sprintf("history: %s ended, %s open, %s on disk",
		human.Plural(st.Rows+uint64(st.Pending), "translation"), human.Count(uint64(st.Open)),
		human.Bytes(uint64(st.Bytes)))
	if st.Unkept > 0 {
		text += fmt.Sprintf(", %s could not be written", human.Count(st.Unkept))
	}
	return text
}

// MetricsFlags say where metrics are served. The zero value serves none.
type MetricsFlags struct{ Address string }

// Register adds --metrics.
func (c *MetricsFlags) Register(cmd *cobra.Command) {
	if !metrics.Included {
		return
	}
	cmd.Flags().StringVar(&c.Address, "metrics", "", "serve metrics for Prometheus on this `ADDRESS:PORT`, such as "+
		"127.0.0.1:9742")
	InGroup(cmd.Flags(), GroupOutput, "metrics")
	MustComplete(cmd, "metrics", OneOf("127.0.0.1:9742", "[::1]:9742"))
}

// Listen opens the port. The listener is nil without --metrics.
func (c *MetricsFlags) Listen() (net.Listener, error) {
	if c.Address == "" {
		return nil, nil
	}
	l, err := metrics.Listen(c.Address)
	if errors.Is(err, metrics.ErrAddress) {
		return nil, Usagef("--metrics %s: %w", c.Address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", c.Address, err)
	}
	return l, nil
}

// MetricsText returns the address of the metrics, with a warning if others can reach it.
func MetricsText(l net.Listener) string {
	text := fmt.Sprintf("metrics: http://%s/metrics", l.Addr())
	if !metrics.Loopback(l) {
		text += "; anyone who reaches that address can read them: restrict it with a firewall"
	}
	return text
}

// ThresholdFlags are the thresholds of findings that a command line sets.
type ThresholdFlags struct {
	Texts  []string // NAME=VALUE, as they were given
	Values findings.Thresholds
}

// Register adds --threshold, with the defaults as values.
func (t *ThresholdFlags) Register(cmd *cobra.Command) {
	t.Values = findings.DefaultThresholds()
	read := func(text string) error {
		t.Texts = append(t.Texts, text)
		return t.Values.Set(text)
	}
	cmd.Flags().Var(Value{Read: read, Kind: "NAME=VALUE"}, "threshold", "set a threshold of findings by `NAME=VALUE`, "+
		"such as syn-unanswered=20; may be repeated")
	InGroup(cmd.Flags(), GroupOutput, "threshold")
	MustComplete(cmd, "threshold", completeThreshold)
}

func completeThreshold(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, t := range findings.AllThresholds() {
		if strings.HasPrefix(t.Name, typed) {
			all = append(all, cobra.CompletionWithDesc(t.Name+"="+t.Default, t.Means))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
