package who

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/translation"
)

// exportOptions are the command line of history export.
type exportOptions struct {
	con    cli.Console
	dir    string
	times  times // since and until
	limit  uint
	format string
	path   string
	force  bool

	gateway monitor.Gateway
}

func newExport(con cli.Console) *cobra.Command {
	o := exportOptions{con: con}
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the history, or a part of it, as CSV or JSON lines",
		Long: `Write the translations of the history, or those that were open at some time between --since and --until:
first the closed ones in the order in which they ended, then the open ones. FILE - is standard output. JSON contains
gaps as lines of their own. CSV does not contain gaps: natlens prints their number on standard error.`,
		Example: `  natlens history export translations.csv
  natlens history export --since 14:00 -o jsonl - | grep 203.0.113.7`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Usagef("history export needs the name of one file, or - for standard output")
			}
			o.path = args[0]
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "history", defaultHistory, "`directory` of the history")
	f.StringVar(&o.times.since, "since", "", "open at this `time` or later: "+cli.MomentNowHelp)
	f.StringVar(&o.times.until, "until", "", "open at this `time` or earlier")
	f.UintVar(&o.limit, "limit", 0, "end after `N` translations; 0: no limit")
	cli.Word(f, &o.format, "output-format", "o", "`format`: %s (default: by FILE's name, else jsonl)", "csv", "jsonl")
	f.BoolVar(&o.force, "force", false, "overwrite an existing file")
	cli.InGroup(f, cli.GroupOutput, "output-format", "force")
	cli.RegisterGateway(cmd, &o.gateway)
	return cmd
}

// runExport writes the file.
func runExport(ctx context.Context, o *exportOptions) (err error) {
	format := cmp.Or(o.format, "jsonl")
	if o.format == "" && filepath.Ext(o.path) == ".csv" {
		format = "csv"
	}
	h, err := openHistory(o.dir)
	if err != nil {
		return err
	}
	q := translation.Query{Limit: int(o.limit)}
	if err := o.times.read(h, &q); err != nil {
		return err
	}
	w := o.con.Stdout
	if o.path != "-" {
		f, err := export.Create(o.path, export.CreateOptions{Force: o.force, Binary: true})
		if err != nil {
			return err
		}
		w = f
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	buffer := bufio.NewWriterSize(w, 1<<16)
	out, cells := jsonPrinter{w: buffer, lines: true, gateway: o.gateway}, csv.NewWriter(buffer)
	add := out.add
	if format == "csv" {
		_ = cells.Write(translation.CSVColumns) // Flush returns its error
		var line []string
		add = func(a *translation.Answer) error {
			line = translation.AppendCSV(line[:0], a)
			return cells.Write(line)
		}
	}
	res, err := h.find(ctx, q, add)
	for i := 0; err == nil && format == "jsonl" && i < len(res.Gaps); i++ {
		gap := translation.NewGapRow(&res.Gaps[i])
		gap.Gateway = o.gateway
		err = out.write(gap)
	}
	if cells.Flush(); err == nil {
		err = cmp.Or(cells.Error(), buffer.Flush())
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(o.con.Stderr, "natlens: %s", human.Plural(res.Answers, "translation"))
	if res.More {
		fmt.Fprint(o.con.Stderr, "; --limit ended the export")
	}
	if n := len(res.Gaps); n > 0 {
		fmt.Fprintf(o.con.Stderr, "; some may be missing: %s in that time", human.Plural(n, "gap"))
	}
	fmt.Fprintln(o.con.Stderr)
	for _, fault := range res.Faults {
		fmt.Fprintf(o.con.Stderr, "natlens: not read: %s\n", cli.OneLine(fault))
	}
	if len(res.Faults) > 0 {
		return cli.ErrSilent
	}
	return nil
}

// NewHistory returns the command history.
func NewHistory(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history COMMAND",
		Short: "Export the history of translations",
		Long: `natlens record --history and natlens watch --history write a history of translations: who held which
address and port, from when to when. natlens who searches it, and natlens history export writes it out.

A row is one rewritten side of a flow. inside is the host, outside its public address and port, and peer the other end.
start is the earliest time at which the translation can have begun, end the latest time at which it can have ended.

doubt lists why a row may be wrong. began-before: it began before the capture. began-in-gap, ended-in-gap: it began or
ended while nothing was captured. gap: the kernel dropped events, or the system's time was set, while it was open.
restart: capture was not running for a part of its life.

reason is why a translation ended. destroyed: by timeout or by its protocol. deleted: a process deleted it. replaced: a
new flow has the same tuple. resync: it was missing from the kernel's table after a gap. capture-ended, restart: it was
missing when capture started again, after a normal end or after a crash. namespace-end: its network namespace ended.

A gap is a time in which translations can be missing. lost: the kernel dropped events. restart: no capture was running.
unwritten: the disk was full for too long. removed: somebody removed a file. clock: the system's time was set.`,
		Example: "  natlens history export --since -1h translations.csv",
		Args:    cli.NoWords,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExport(con))
	return cmd
}
