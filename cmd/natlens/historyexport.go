package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/history"
	"natlens/monitor/human"
)

// historyExportConfig is the command line of history export.
type historyExportConfig struct {
	dir     string
	moments whoMoments // from and to
	format  string
	path    string
	force   bool
}

// historyFormats are the formats of an export, which are also endings of names.
var historyFormats = []string{"csv", "jsonl", "parquet"}

func newHistoryExport(con cli.Console) *cobra.Command {
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
				return cli.Usagef("history export needs the name of one file, - for standard output")
			}
			cfg.path = args[0]
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd.Context(), con) },
	}
	f := cmd.Flags()
	f.StringVar(&cfg.dir, "history", defaultHistory, "the `directory` of the history")
	f.StringVar(&cfg.moments.from, "from", "", "what was open at this `moment` or later: 14:32, 14:32:05, 2026-11-22 14:32, RFC 3339, or -2h before now")
	f.StringVar(&cfg.moments.to, "to", "", "what had begun by this `moment`")
	f.StringVarP(&cfg.format, "output-format", "o", "", "`format`: csv, jsonl or parquet (default: the ending of FILE, else jsonl)")
	f.BoolVar(&cfg.force, "force", false, "write over a file that exists")
	cli.InGroup(f, cli.GroupOutput, "output-format", "force")
	cli.MustComplete(cmd, "history", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
	cli.MustComplete(cmd, "from", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "to", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "output-format", cobra.FixedCompletions(historyFormats, cobra.ShellCompDirectiveNoFileComp))
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
		return "", cli.Usagef("-o %s: an export is %s", c.format, strings.Join(historyFormats, ", "))
	}
	return c.format, nil
}

func (c *historyExportConfig) run(ctx context.Context, con cli.Console) (err error) {
	format, err := c.formatOf()
	if err != nil {
		return err
	}
	r, err := openHistory(c.dir)
	if err != nil {
		return err
	}
	defer r.Close()
	var q history.Query
	if _, err := c.moments.read(ctx, r, &q); err != nil {
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

// write writes the answers, and says on standard error what makes them fewer than
// there were.
func (c *historyExportConfig) write(ctx context.Context, con cli.Console, r ledger, q history.Query, out history.RowWriter) error {
	res, err := r.find(ctx, q, out.Write)
	lines, gapLines := out.(*history.JSONL)
	if err == nil && gapLines {
		for i := range res.Gaps {
			err = errors.Join(err, lines.Gap(&res.Gaps[i]))
		}
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	fmt.Fprintf(con.Stderr, "natlens: %s", human.Plural(res.Answers, "translation"))
	if n := len(res.Gaps); n > 0 {
		fmt.Fprintf(con.Stderr, "; %s within: some may be missing", human.Plural(n, "gap"))
	}
	fmt.Fprintln(con.Stderr)
	for _, fault := range res.Faults {
		fmt.Fprintf(con.Stderr, "natlens: not read: %v\n", fault)
	}
	if len(res.Faults) > 0 {
		return cli.ErrSilent
	}
	return nil
}
