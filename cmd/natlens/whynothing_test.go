//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestWhyNothing lets watch see nothing, for one reason at a time.
func TestWhyNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause func(*testing.T, *lab.Lab)
		args  []string
		want  string // in the one line

		mended bool // by its command
	}{
		{"no hook", labtest.FlushRules, nil, "nothing is tracked here: no nftables or iptables rule in this network namespace turns connection tracking on → nft 'add table inet ", true},
		{"no events", labtest.SetConntrack("events", "0"), nil, "flows send no events: nf_conntrack_events is 0; a change affects only flows that begin afterwards → sysctl -w net.netfilter.nf_conntrack_events=1", true},
		{"unheard", func(t *testing.T, l *lab.Lab) { labtest.FlowsUDP(t, l, 2) }, nil,
			"no flow began or ended; of 2 flows in the table, those that began while nobody listened send no events (nf_conntrack_events is 2) → sysctl -w net.netfilter.nf_conntrack_events=1", true},
		{"filter", nil, []string{"tcp", "dport", "9"}, "10 events came, but the filter selects none of them → natlens watch --explain-filter …", false},
		{"filter by socket", nil, []string{"--capture", "socket", "tcp", "dport", "9"},
			"10 events came, but the filter selects none of them → natlens watch --explain-filter …", false},
		{"nothing by socket", func(t *testing.T, l *lab.Lab) { labtest.SetConntrack("events", "1")(t, l) }, []string{"--capture", "socket", "tcp", "dport", "9"},
			"which tracks 0 flows; other namespaces have events of their own → ip netns list", false},
		{"nothing", func(t *testing.T, l *lab.Lab) { labtest.SetConntrack("events", "1")(t, l) }, nil, "which tracks 0 flows; other namespaces have events of their own → ip netns list", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{Acct: true})
			if c.cause != nil {
				c.cause(t, l)
			}
			p := start(t, l, append([]string{"watch"}, c.args...)...)
			p.listening(t)
			if strings.HasPrefix(c.name, "filter") {
				labtest.FlowsUDP(t, l, 5)
			}
			labtest.WaitFor(t, "the reason", func() bool { return strings.Contains(p.stderr.String(), "\nnatlens: nothing seen for 5s: ") })
			if text := p.stderr.String(); !strings.Contains(text, c.want) || strings.Count(text, "\n") > 2 {
				t.Errorf("got %s", text)
			}
			if c.mended {
				_, advice, _ := strings.Cut(p.stderr.String(), " → ")
				command, _, _ := strings.Cut(advice, "\n")
				labtest.Shell(t, l, command)
				if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, NoReply: true}); err != nil {
					t.Fatal(err)
				}
				if line := p.line(t); !strings.Contains(line, `"event":"new"`) {
					t.Errorf("after %s: %s", command, line)
				}
			}
		})
	}
}

// TestWhoInAnEmptyTable expects the reason why nobody is found, in no format on standard output.
func TestWhoInAnEmptyTable(t *testing.T) {
	ns := generatorNS(t).Path()
	for _, format := range []string{"pretty", "json"} {
		got := call(t.Context(), cli.Console{}, "who", "--live", "--netns", ns, "-o", format, "192.0.2.1:443")
		if got.code != 1 || strings.Contains(got.stdout.String(), "empty") || !strings.HasPrefix(got.stderr.String(), "natlens: the table is empty: ") {
			t.Errorf("%s: code %d, %s%s", format, got.code, got.stdout.String(), got.stderr.String())
		}
	}
}

// TestUncounted expects a line where packets and bytes are not counted, and that
// its command has them counted.
func TestUncounted(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	const want = "natlens: packets and bytes are not counted: nf_conntrack_acct is 0; a change affects only flows that begin afterwards → "
	p := start(t, l, "watch")
	labtest.WaitFor(t, "the line", func() bool { return strings.Contains(p.stderr.String(), want) })
	_, command, _ := strings.Cut(p.stderr.String(), " → ")
	labtest.Shell(t, l, strings.TrimSpace(command))
	p = start(t, l, "watch", "--limit", "1", "udp", "and", "bytes", ">", "0", "--for", "20s")
	p.listening(t)
	labtest.FlowsUDP(t, l, 1)
	if c := call(t.Context(), cli.Console{}, "flush", "--yes", "--netns", l.Gateway.Path()); c.code != 0 {
		t.Fatal(c.stderr.String())
	}
	if line := p.line(t); !strings.Contains(line, `"event":"destroy"`) {
		t.Error(line)
	}
	if text := p.stderr.String(); strings.Contains(text, "not counted") {
		t.Errorf("it is said still: %s", text)
	}
}
