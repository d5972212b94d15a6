package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/export/history"
	"natlens/monitor"
)

// historyExportConfig is the command line of history export.
type historyExportConfig struct {
	dir      string
	from, to string
	format   string
	path     string
	force    bool
}

// historyFormats are the formats of an export, which are also endings of names.
var historyFormats = []string{"csv", "jsonl", "parquet"}

func newHistoryExport(con console) *cobra.Command {
	var cfg historyExportConfig
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the history, or a part of it, as CSV, JSON lines or Parquet",
		Long: `Write the translations of the history, or those that were there at some time between --from and --to: the closed ones
in the order in which they ended, then those that are open. FILE is - for standard output. Times that nobody watched
are lines of their own in JSON; the other formats have no place for them, so that standard error says how many.`,
		Example: `  natlens history export translations.parquet
  natlens history export --from 14:00 --to 15:00 -o jsonl - | grep 203.0.113.7`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usagef("history export needs the name of one file, - for standard output")
			}
			cfg.path = args[0]
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd.Context(), con) },
	}
	f := cmd.Flags()
	f.StringVar(&cfg.dir, "history", defaultHistory, "the `directory` of the history")
	f.StringVar(&cfg.from, "from", "", "what was open at this `moment` or later: "+momentHelp)
	f.StringVar(&cfg.to, "to", "", "what had begun by this `moment`")
	f.StringVarP(&cfg.format, "output-format", "o", "", "`format`: csv, jsonl or parquet (default: the ending of FILE, else jsonl)")
	f.BoolVar(&cfg.force, "force", false, "write over a file that exists")
	inGroup(f, groupOutput, "output-format", "force")
	mustComplete(cmd, "history", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
	mustComplete(cmd, "from", cobra.NoFileCompletions)
	mustComplete(cmd, "to", cobra.NoFileCompletions)
	mustComplete(cmd, "output-format", cobra.FixedCompletions(historyFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// formatOf is the format that -o names, or else the name of the file.
func (c *historyExportConfig) formatOf() (string, error) {
	if c.format == "" {
		ending := strings.TrimPrefix(filepath.Ext(c.path), ".")
		if slices.Contains(historyFormats, ending) {
			return ending, nil
		}
		return "jsonl", nil
	}
	if !slices.Contains(historyFormats, c.format) {
		return "", usagef("-o %s: an export is %s", c.format, strings.Join(historyFormats, ", "))
	}
	return c.format, nil
}

func (c *historyExportConfig) run(ctx context.Context, con console) (err error) {
	format, err := c.formatOf()
	if err != nil {
		return err
	}
	r, err := history.Open(c.dir)
	if err != nil {
		return err
	}
	defer r.Close()
	q, err := c.query(r)
	if err != nil {
		return err
	}
	var w io.Writer = con.Stdout
	if c.path != "-" {
		f, err := export.Create(c.path, export.CreateOptions{Force: c.force, Binary: true})
		if err != nil {
			return err
		}
		w = f
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	return c.write(ctx, con, r, q, newRowWriter(format, w))
}

func newRowWriter(format string, w io.Writer) history.RowWriter {
	switch format {
	case "csv":
		return history.NewCSV(w)
	case "parquet":
		return history.NewParquet(w)
	}
	return history.NewJSONL(w)
}

// query reads the times. A time of day means the last one that the history knows.
func (c *historyExportConfig) query(r *history.Reader) (q history.Query, err error) {
	began, ended, err := r.Span()
	if err != nil {
		return q, err
	}
	for _, b := range []struct {
		flag, text string
		to         *monitor.Time
	}{{"from", c.from, &q.From}, {"to", c.to, &q.To}} {
		if b.text == "" {
			continue
		}
		t, err := readMoment(b.text, began.Time(), ended.Time(), time.Local)
		if err != nil {
			return q, usagef("--%s %s: %w", b.flag, b.text, err)
		}
		*b.to = monitor.Time(t.UnixNano())
	}
	if q.From != 0 && q.To != 0 && q.To < q.From {
		return q, usagef("--to %s: is before --from %s", c.to, c.from)
	}
	return q, nil
}

// write writes the answers, and says on standard error what makes them fewer than
// there were.
func (c *historyExportConfig) write(ctx context.Context, con console, r *history.Reader, q history.Query, out history.RowWriter) error {
	res, err := r.Find(ctx, q, out.Write)
	lines, gapLines := out.(*history.JSONL)
	if err == nil && gapLines {
		for i := range res.Gaps {
			err = errors.Join(err, lines.Gap(&res.Gaps[i]))
		}
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	fmt.Fprintf(con.Stderr, "natlens: %d translations", res.Answers)
	if n := len(res.Gaps); n > 0 {
		fmt.Fprintf(con.Stderr, "; %d times within were not watched: some may be missing", n)
	}
	fmt.Fprintln(con.Stderr)
	for _, fault := range res.Faults {
		fmt.Fprintf(con.Stderr, "natlens: not read: %v\n", fault)
	}
	if len(res.Faults) > 0 {
		return errSilent
	}
	return nil
}
