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

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli"
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

// rulesOf returns the rules in a drawing, with their hooks, and what says that there is no reply.
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
		if line == "── dropped ──" || strings.HasPrefix(line, "Conntrack does not track") {
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
	const (
		forward    = "FORWARD rule ip filter forward handle N: ct state new accept\n"
		masquerade = "POSTROUTING rule ip nat postrouting handle N: oifname \"wan\" masquerade\n"
		dropped    = "── dropped ──\n"
		probably   = "POSTROUTING probable rule ip nat postrouting handle N: oifname \"wan\" masquerade\n"
	)
	elements := make([]string, 1000)
	for i := range elements {
		elements[i] = fmt.Sprintf("%d : 203.0.113.9", 20000+i)
	}
	for _, c := range []struct {
		name, rules string
		to          uint16
		exact       string
		probable    string
	}{
		{"masquerade", "", 443, forward + masquerade, probably},
		{"DNAT", "insert rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", 777,
			"PREROUTING rule ip nat prerouting handle N: udp dport 777 dnat to 203.0.113.9:53\n" + forward + masquerade,
			"PREROUTING probable rule ip nat prerouting handle N: udp dport 777 dnat to 203.0.113.9:53\n" + probably},
		{"redirect", "insert rule ip nat prerouting udp dport 777 redirect to :9091", 777,
			"PREROUTING rule ip nat prerouting handle N: udp dport 777 redirect to :9091\n",
			"PREROUTING probable rule ip nat prerouting handle N: udp dport 777 redirect to :9091\n"},
		{"drop", "insert rule ip filter forward udp dport 777 drop", 777,
			"FORWARD rule ip filter forward handle N: udp dport 777 drop\n" + dropped, ""},
		{"policy", "table inet fw { chain forward { type filter hook forward priority 5; policy drop; }; }", 777,
			forward + "FORWARD policy of inet fw forward: drop\n" + dropped, ""},
		{"reject", "insert rule ip filter forward udp dport 777 reject", 777,
			"FORWARD rule ip filter forward handle N: udp dport 777 reject\n" + dropped, ""},
		{"notrack", "insert rule ip filter raw_prerouting udp dport 777 notrack", 777,
			"PREROUTING rule ip filter raw_prerouting handle N: udp dport 777 notrack\n" +
				"Conntrack does not track the packet, so it has no flow and no NAT.\n", ""},
		{"stateless rewrite", "insert rule ip filter raw_prerouting udp dport 777 udp dport set 53", 777,
			"PREROUTING rule ip filter raw_prerouting handle N: udp dport 777 udp dport set 53\n" + forward + masquerade,
			probably},
		{"map", "add map ip nat m { type inet_service : ipv4_addr; elements = { " + strings.Join(elements, ", ") +
			" }; }\ninsert rule ip nat prerouting dnat to udp dport map @m", 20777,
			"PREROUTING rule ip nat prerouting handle N: dnat to udp dport map @m\n" + forward + masquerade,
			"PREROUTING probable rule ip nat prerouting handle N: dnat to udp dport map @m\n" + probably},
		{"jumps", "table ip nat { chain a { jump b; }; chain b { jump c; }; chain c { udp dport 777 dnat to 203.0.113.9; }; }\n" +
			"insert rule ip nat prerouting jump a", 777,
			"PREROUTING rule ip nat c handle N: udp dport 777 dnat to 203.0.113.9\n" + forward + masquerade,
			"PREROUTING probable rule ip nat c handle N: udp dport 777 dnat to 203.0.113.9\n" + probably},
		{"iptables-nft", "iptables-nft -t nat -A PREROUTING -p udp --dport 777 -j DNAT --to-destination 203.0.113.9", 777,
			"PREROUTING rule ip nat PREROUTING handle N: udp dport 777 counter N\n" +
				forward + masquerade,
			"PREROUTING probable rule ip nat PREROUTING handle N: udp dport 777 counter N\n" + probably},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			labtest.Rules(t, l, c.rules)
			out := explained(t, l, func(ctx context.Context) {
				_, _ = l.UDPOnce(ctx, lab.UDP{To: netip.AddrPortFrom(lab.Blackhole, c.to), NoReply: true})
			}, "--for", "1m", "--limit", "1", "udp", "dport", fmt.Sprint(c.to))
			if diff := cmp.Diff(c.exact, rulesOf(out)); diff != "" {
				t.Errorf("%s\n%s", diff, out)
			}
			if c.probable == "" {
				return
			}
			out = explained(t, l, func(ctx context.Context) { <-ctx.Done() }, "--limit", "1", "udp")
			if diff := cmp.Diff(c.probable, rulesOf(out)); diff != "" {
				t.Errorf("%s\n%s", diff, out)
			}
		})
	}
}

// TestRuleLoopback traces packets that the gateway sends to itself: as they are sent and as they
// come back, which the filter need not match.
func TestRuleLoopback(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	for rules, want := range map[string]string{
		"udp dport 5353 drop": "OUTPUT rule ip loop out handle N: udp dport 777 redirect to :5353\n" +
			"INPUT rule ip loop in handle N: udp dport 5353 drop\n── dropped ──\n",
		"udp dport 5353 accept": "OUTPUT rule ip loop out handle N: udp dport 777 redirect to :5353\n" +
			"INPUT rule ip loop in handle N: udp dport 5353 accept\n",
	} {
		l := labtest.NewWith(t, lab.Config{})
		labtest.Rules(t, l, "table ip loop { chain out { type nat hook output priority -90; udp dport 777 redirect to :5353; }; "+
			"chain in { type filter hook input priority 0; "+rules+"; }; }")
		to := netip.MustParseAddrPort("127.0.0.1:777")
		out := explained(t, l, func(ctx context.Context) {
			_, _ = l.UDPOnce(ctx, lab.UDP{From: l.Gateway, To: to, NoReply: true})
		}, "--for", "1m", "--limit", "1", "udp", "dport", "777")
		if diff := cmp.Diff(want, rulesOf(out)); diff != "" {
			t.Errorf("%s\n%s", diff, out)
		}
		last := "reply  "
		if strings.Contains(rules, "drop") {
			last = "A rule or policy drops the packet after its flow has entered the table.\n"
		}
		if !strings.Contains(out, "\n"+last) {
			t.Errorf("no %q:\n%s", last, out)
		}
	}
}
