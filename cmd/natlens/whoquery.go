package main

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/human"
)

// query reads what is asked for, but for the time.
func (c *whoConfig) query() (q history.Query, err error) {
	if c.addr == "" && c.inside == "" {
		return q, cli.Usagef("who needs an address: ADDR[:PORT], or --inside ADDR[:PORT]")
	}
	q.Limit = c.limit
	for _, end := range []struct {
		flag, text string
		to         *history.End
	}{{"", c.addr, &q.Outside}, {"--inside ", c.inside, &q.Inside}, {"--dst ", c.dst, &q.Peer}} {
		if end.text == "" {
			continue
		}
		var ok bool
		if *end.to, ok = parseEnd(end.text); !ok {
			return q, cli.Usagef("%s%s: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443", end.flag, monitor.Escape(end.text))
		}
	}
	q.Proto, err = parseProto(c.proto)
	return q, err
}

// parseEnd reads ADDR, ADDR:PORT or [ADDR]:PORT.
func parseEnd(text string) (history.End, bool) {
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return history.End{Addr: addr.Unmap()}, addr.Zone() == "" && strings.HasPrefix(text, "[") == strings.HasSuffix(text, "]")
	}
	both, err := netip.ParseAddrPort(text)
	if err != nil || both.Addr().Zone() != "" {
		return history.End{}, false
	}
	return history.End{Addr: both.Addr().Unmap(), Port: both.Port(), HasPort: true}, true
}

// protoWords are the protocols that have names.
func protoWords() (words []string) {
	for _, p := range monitor.Protos {
		words = append(words, p.Name())
	}
	return words
}

// parseProto reads a protocol, 0 for "".
func parseProto(text string) (monitor.Proto, error) {
	if text == "" {
		return 0, nil
	}
	for _, p := range monitor.Protos {
		if strings.EqualFold(text, p.Name()) {
			return p, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err == nil && n > 0 {
		return monitor.Proto(n), nil
	}
	if near := human.Nearest(text, protoWords()); near != "" {
		return 0, cli.Usagef("--proto %s: not a protocol; did you mean %s?", monitor.Escape(text), near)
	}
	return 0, cli.Usagef("--proto %s: not a protocol: %s, or a number from 1 to 255", monitor.Escape(text), strings.Join(protoWords(), ", "))
}

// whoMoments are the times that who asks for.
type whoMoments struct{ at, from, to string }

func (m *whoMoments) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.at, "at", "", "at this `moment`: 14:32, 14:32:05, 2026-11-22 14:32, RFC 3339, or -2h before now (of a recording: before its end)")
	f.StringVar(&m.from, "from", "", "from this `moment` on")
	f.StringVar(&m.to, "to", "", "until this `moment`")
	for _, name := range []string{"at", "from", "to"} {
		cli.MustComplete(cmd, name, cobra.NoFileCompletions)
	}
}

func (m *whoMoments) Given() bool { return m.at != "" || m.from != "" || m.to != "" }

func (m *whoMoments) Check() error {
	if m.at != "" && (m.from != "" || m.to != "") {
		return cli.Usagef("--at is one moment: not together with --from or --to")
	}
	return nil
}

// read turns the moments into the query's times, and returns the end of what the
// ledger knows, if there are any.
func (m *whoMoments) read(ctx context.Context, book ledger, q *history.Query) (ended monitor.Time, err error) {
	if !m.Given() {
		return 0, nil
	}
	begin, ended, now, err := book.span(ctx)
	if err != nil {
		return 0, err
	}
	help := cli.MomentNowHelp
	if _, ok := book.(*recordingLedger); ok {
		help = cli.MomentHelp
	}
	for _, one := range []struct {
		flag, text string
		from, to   *monitor.Time
	}{{"--at", m.at, &q.From, &q.To}, {"--from", m.from, &q.From, nil}, {"--to", m.to, nil, &q.To}} {
		if one.text == "" {
			continue
		}
		t, err := cli.ReadMoment(one.text, begin.Time(), now.Time(), time.Local)
		if err != nil {
			return 0, cli.Usagef("%s %s: %w %s", one.flag, monitor.Escape(one.text), err, help)
		}
		if one.from != nil {
			*one.from = monitor.Time(t.UnixNano())
		}
		if one.to != nil {
			*one.to = monitor.Time(t.Add(cli.MomentLength(one.text, t) - 1).UnixNano())
		}
	}
	if q.From != 0 && q.To != 0 && q.From > q.To {
		return 0, cli.Usagef("--from %s lies behind --to %s", monitor.Escape(m.from), monitor.Escape(m.to))
	}
	return ended, nil
}
