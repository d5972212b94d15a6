//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// everyStats shows the counters of every network namespace: a row each, or a line
// of JSON.
func everyStats(ctx context.Context, con cli.Console, format string) error {
	var f netns.Finder
	if err := f.Scan(); err != nil {
		return err
	}
	if f.Unseen > 0 {
		fmt.Fprintf(con.Stderr, "natlens: %s\n", cli.UnseenText(f.Unseen))
	}
	var all []stats
	for _, n := range f.Found() {
		st, err := readStatsOf(ctx, n)
		switch {
		case err == nil:
			all = append(all, st)
		case errors.Is(err, netns.ErrGone):
		case ctx.Err() != nil:
			return err
		default:
			fmt.Fprintf(con.Stderr, "natlens: network namespace %s: %s\n", n.Name, cli.OneLine(err))
		}
	}
	if len(all) == 0 {
		return errors.New("no network namespace could be read")
	}
	var text []byte
	if format == "json" {
		for i := range all {
			text = append(text, all[i].json()...)
		}
	} else {
		text = prettyEvery(all)
	}
	_, err := con.Stdout.Write(text)
	return err
}

func readStatsOf(ctx context.Context, n netns.Found) (st stats, err error) {
	file, err := n.Open()
	if err != nil {
		return st, err
	}
	defer file.Close()
	s, err := kernel.OpenService(cli.NetnsFD(file))
	if err != nil {
		return st, err
	}
	defer s.Close()
	if st, err = readStats(ctx, s, cli.NetnsFD(file)); err != nil {
		return st, err
	}
	st.netns = n
	st.tracked, err = kernel.ReadTracking(cli.NetnsFD(file))
	return st, err
}

// everyCounters are the counters that have a column: those that tell of harm.
var everyCounters = []ctnetlink.Counter{
	ctnetlink.Drop, ctnetlink.InsertFailed, ctnetlink.EarlyDrop, ctnetlink.Invalid, ctnetlink.ChainTooLong,
}

// prettyEvery writes a row a namespace, numbers to the right.
func prettyEvery(all []stats) (b []byte) {
	rows := [][]string{{"NETNS", "TRACKS", "ENTRIES"}}
	for _, k := range everyCounters {
		rows[0] = append(rows[0], k.String())
	}
	rows[0] = append(rows[0], "EVENTS", "ACCT")
	for i := range all {
		st := &all[i]
		row := []string{st.netns.Name, tracksText(&st.tracked), human.Count(uint64(st.fill.Entries))}
		for _, k := range everyCounters {
			row = append(row, human.Count(st.total(k)))
		}
		for _, name := range []string{"events", "acct"} {
			text := "–"
			if v, ok := st.sysctl(name); ok {
				text = fmt.Sprint(v)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	const words = 2 // columns of words, which stand to the left
	var widths [10]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			switch width := widths[i]; {
			case i == 0:
				b = fmt.Appendf(b, "%-*s", width, cell)
			case i < words:
				b = fmt.Appendf(b, "  %-*s", width, cell)
			default:
				b = fmt.Appendf(b, "  %*s", width, cell)
			}
		}
		b = append(b, '\n')
	}
	return b
}

// tracksText says for which families connections are tracked, as far as rules
// tell.
func tracksText(t *kernel.Tracking) string {
	switch {
	case t.IPv4 && t.IPv6:
		return "ipv4 ipv6"
	case t.IPv4:
		return "ipv4"
	case t.IPv6:
		return "ipv6"
	}
	return "–"
}
