//go:build linux

package explain

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// explained runs the command in the lab's gateway, and makes flows until it ends.
func explained(t *testing.T, l *lab.Lab, act func(context.Context), args ...string) string {
	t.Helper()
	var out, notes bytes.Buffer
	cmd := New(cli.Console{Stdout: &out, Stderr: &notes, Getenv: func(string) string { return "" }})
	cmd.SetArgs(append(args, "--rule", "--width", "99", "--netns", l.Gateway.Path()))
	labtest.While(t, act, func(ctx context.Context) {
		if err := cmd.ExecuteContext(ctx); err != nil {
			t.Errorf("%v; %s", err, notes.String())
		}
	})
	return out.String()
}

var varying = regexp.MustCompile(`handle \d+|counter packets.*`)

// rulesOf returns the rules in a drawing, with their hooks, and the sentences about their effect.
func rulesOf(out string) (rules string) {
	hook := ""
	for line := range strings.Lines(out) {
		if head := strings.Fields(line); line[0] != ' ' && len(head) > 0 {
			hook = head[0]
		}
		line = strings.TrimSpace(line)
		if strings.Contains(line, "rule ") && strings.Contains(line, "handle") || strings.Contains(line, "policy of") {
			rules += hook + " " + varying.ReplaceAllStringFunc(line, func(text string) string {
				return strings.Fields(text)[0] + " N"
			}) + "\n"
		}
		if line == "── dropped ──" || strings.HasSuffix(line, ".") && !strings.HasSuffix(line, " entry.") {
			rules += line + "\n"
		}
	}
	return rules
}

// TestRule makes a new flow for each kind of rule, and expects the rules that decided about
// its first packet. Then it asks for the flow in the table.
func TestRule(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	elements := make([]string, 1000)
	for i := range elements {
		elements[i] = fmt.Sprintf("%d : 203.0.113.9", 20000+i)
	}
	for _, c := range []struct {
		name, rules string
		to          uint16
		inTable     bool // the flow enters the table
	}{
		{"masquerade", "", 443, true},
		{"DNAT", "insert rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", 777, true},
		{"redirect", "insert rule ip nat prerouting udp dport 777 redirect to :9091", 777, true},
		{"drop", "insert rule ip filter forward udp dport 777 drop", 777, false},
		{"policy", "table inet fw { chain forward { type filter hook forward priority 5; policy drop; }; }", 777, false},
		{"reject", "insert rule ip filter forward udp dport 777 reject", 777, false},
		{"notrack", "insert rule ip filter raw_prerouting udp dport 777 notrack", 777, false},
		{"stateless rewrite", "insert rule ip filter raw_prerouting udp dport 777 udp dport set 53", 777, true},
		{"zone", "insert rule ip filter raw_prerouting udp dport 777 ct zone set 5", 777, true},
		{"zone by iptables", "iptables-nft -t raw -A PREROUTING -p udp --dport 777 -j CT --zone 5", 777, true},
		{"map", "add map ip nat m { type inet_service : ipv4_addr; elements = { " + strings.Join(elements, ", ") +
			" }; }\ninsert rule ip nat prerouting dnat to udp dport map @m", 20777, true},
		{"jumps", "table ip nat { chain a { jump b; }; chain b { jump c; }; chain c { udp dport 777 dnat to 203.0.113.9; }; }\n" +
			"insert rule ip nat prerouting jump a", 777, true},
		{"iptables-nft", "iptables-nft -t nat -A PREROUTING -p udp --dport 777 -j DNAT --to-destination 203.0.113.9", 777, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			labtest.Rules(t, l, c.rules)
			out := explained(t, l, func(ctx context.Context) {
				_, _ = l.UDPOnce(ctx, lab.UDP{To: netip.AddrPortFrom(lab.Blackhole, c.to), NoReply: true})
			}, "--for", "1m", "--limit", "1", "udp", "dport", fmt.Sprint(c.to))
			golden.Words(t, "exact", rulesOf(out))
			if c.inTable {
				out = explained(t, l, func(ctx context.Context) { <-ctx.Done() }, "--limit", "1", "udp")
				golden.Words(t, "later", rulesOf(out))
			}
		})
	}
}

// TestRuleLoopback traces packets that the gateway sends to itself: as they are sent and as they
// come back, which the filter need not match.
func TestRuleLoopback(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	for _, verdict := range []string{"drop", "accept"} {
		l := labtest.NewWith(t, lab.Config{})
		labtest.Rules(t, l, "table ip loop { chain out { type nat hook output priority -90; udp dport 777 redirect to :5353; }; "+
			"chain in { type filter hook input priority 0; udp dport 5353 "+verdict+"; }; }")
		to := netip.MustParseAddrPort("127.0.0.1:777")
		out := explained(t, l, func(ctx context.Context) {
			_, _ = l.UDPOnce(ctx, lab.UDP{From: l.Gateway, To: to, NoReply: true})
		}, "--for", "1m", "--limit", "1", "udp", "dport", "777")
		golden.Words(t, verdict, rulesOf(out))
		if hasReply := strings.Contains(out, "\nreply  "); hasReply != (verdict == "accept") {
			t.Errorf("%s: reply %t:\n%s", verdict, hasReply, out)
		}
	}
}
