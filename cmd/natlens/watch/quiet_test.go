//go:build linux

package watch

import (
	"regexp"
	"strings"
	"testing"

	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// watch prints once why it shows nothing, and the command that changes that.
func TestQuiet(t *testing.T) {
	events := labtest.SetConntrack("events", "1")
	const left = "10 events came, but the filter selects none of them → natlens watch --explain-filter …"
	const nothing = "which tracks 0 flows; other namespaces have events of their own → ip netns list"
	for _, c := range []struct {
		name  string
		cause func(*testing.T, *lab.Lab)
		args  string
		want  string // in the one line

		mended bool // by its command
	}{
		{"no hook", labtest.FlushRules, "", "nothing is tracked here: no nftables or iptables rule in this network namespace turns connection tracking on → IN nft 'add table inet ", true},
		{"no events", labtest.SetConntrack("events", "0"), "", "flows send no events: nf_conntrack_events is 0; a change affects only flows that begin afterwards → IN sysctl -w net.netfilter.nf_conntrack_events=1", true},
		{"unheard", func(t *testing.T, l *lab.Lab) { labtest.FlowsUDP(t, l, 2) }, "",
			"flows that began while nobody listened send no events (nf_conntrack_events is 2); 2 flows in the table, none began or ended → IN sysctl -w net.netfilter.nf_conntrack_events=1", true},
		{"filter", nil, "tcp dport 9", left, false},
		{"filter by socket", nil, "--capture socket tcp dport 9", left, false},
		{"nothing by socket", events, "--capture socket tcp dport 9", nothing, false},
		{"nothing", events, "", nothing, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{Acct: true})
			if c.cause != nil {
				c.cause(t, l)
			}
			r := begin(t, l, strings.Fields(c.args)...)
			if strings.HasPrefix(c.name, "filter") {
				labtest.FlowsUDP(t, l, 5)
			}
			labtest.WaitFor(t, "the reason", func() bool { return strings.Contains(r.Stderr.String(), "\nnatlens: nothing seen for 5s: ") })
			text := regexp.MustCompile(`(sudo )?nsenter --net=\S+`).ReplaceAllString(r.Stderr.String(), "IN")
			if !strings.Contains(text, c.want) || strings.Count(text, "\n") > 2 {
				t.Errorf("got %s", text)
			}
			if c.mended {
				_, advice, _ := strings.Cut(r.Stderr.String(), " → ")
				command, _, _ := strings.Cut(advice, "\n")
				labtest.Shell(t, l, command)
				if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, NoReply: true}); err != nil {
					t.Fatal(err)
				}
				r.WaitLines(t, 1, `"event":"new"`)
			}
		})
	}
}

// watch prints that packets and bytes are not counted. Its command has them counted.
func TestUncounted(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	r := begin(t, l)
	labtest.WaitFor(t, "the line", func() bool { return strings.Contains(r.Stderr.String(), "acct=1\n") })
	text, command, _ := strings.Cut(r.Stderr.String(), " → ")
	golden.Words(t, "not counted", text[strings.LastIndex(text, "\n")+1:])
	labtest.Shell(t, l, strings.TrimSpace(command))
	r = begin(t, l, "--limit", "1", "-e", "destroy", "udp", "bytes > 0")
	labtest.FlowsUDP(t, l, 1)
	labtest.ForgetFlows(t, l)
	if got := r.Wait(t); got.Err != nil || strings.Contains(got.Stderr, "not counted") {
		t.Errorf("%v, %s", got.Err, got.Stderr)
	}
}
