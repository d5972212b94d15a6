//go:build linux

package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/trace"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// traced runs the command in the lab's gateway, and makes flows until it ends.
func traced(t *testing.T, l *lab.Lab, act func(context.Context), args ...string) (stdout, stderr string) {
	t.Helper()
	var out, notes bytes.Buffer
	cmd := New(cli.Console{Stdout: &out, Stderr: &notes, Getenv: func(string) string { return "" }})
	cmd.SetArgs(append(args, "--netns", l.Gateway.Path()))
	labtest.While(t, act, func(ctx context.Context) {
		if err := cmd.ExecuteContext(ctx); err != nil {
			t.Errorf("%v; %s", err, notes.String())
		}
	})
	return out.String(), notes.String()
}

var varying = regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{6}|flow \d+|192\.168\.77\.2:\d+|203\.0\.113\.1:\d+|trace-\d+`)

// TestPretty traces the first packet of a flow that is masqueraded.
func TestPretty(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	legacy := exec.CommandContext(t.Context(), "iptables-legacy", "-t", "nat", "-A", "INPUT", "-j", "ACCEPT")
	err := l.Gateway.Do(legacy.Run)
	out, notes := traced(t, l, func(ctx context.Context) {
		l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS})
	}, "--limit", "1", "udp", "dport", "53")
	golden.Words(t, "stdout", varying.ReplaceAllStringFunc(out, func(s string) string {
		switch {
		case s[:4] == "flow":
			return "flow ID"
		case s[:4] == "192.":
			return "CLIENT"
		case s[:4] == "203.":
			return "GATEWAY"
		}
		return "TIME"
	}))
	about := regexp.MustCompile(`(?m)^.*iptables-legacy.*\n`)
	golden.Words(t, "stderr", varying.ReplaceAllString(about.ReplaceAllString(notes, ""), "TIME"))
	t.Run("iptables-legacy", func(t *testing.T) {
		if err != nil {
			t.Skipf("iptables-legacy does not work here: %v", err)
		}
		golden.Words(t, "", about.FindString(notes))
	})
}

// TestJSON reads a JSON line of a packet that is dropped.
func TestJSON(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	out, _ := traced(t, l, func(ctx context.Context) {
		l.SYNOnce(ctx, lab.TCP{From: l.Server, To: lab.PublishedHTTP})
	}, "--limit", "1", "-o", "jsonl", "tcp", "dport", "8080")
	var p struct {
		V      int
		Proto  string
		Packet struct {
			Src, Dst string
			Dport    int
		}
		Flow struct {
			ID               uint32
			Direction, Match string
		}
		Steps []struct {
			Table, Chain, Kind, Verdict string
			Handle                      int
			Packet                      *struct {
				Dst   string
				Dport int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if p.V != 1 || p.Proto != "tcp" || p.Packet.Dport != 8080 || p.Flow.ID == 0 || p.Flow.Match != "id" {
		t.Errorf("%+v", p)
	}
	rewritten := ""
	for _, s := range p.Steps {
		if s.Packet != nil {
			rewritten += s.Packet.Dst
		}
	}
	if rewritten != lab.ClientIP.String() {
		t.Errorf("rewritten to %q: %s", rewritten, out)
	}
}

// TestPing traces an echo request that is masqueraded.
func TestPing(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	for format, want := range map[string]string{
		"pretty": "\n  now 203.0.113.1 → 203.0.113.9 type 8 code 0\n",
		"jsonl":  `"leaves":{"src":"203.0.113.1","dst":"203.0.113.9","type":8,"code":0}`,
	} {
		out, notes := traced(t, l, func(ctx context.Context) {
			_ = l.PingOnce(ctx, lab.Ping{To: lab.ServerIP})
		}, "--limit", "1", "-o", format, "src", lab.ClientIP.String(), "and", "icmp")
		if !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s%s", format, want, out, notes)
		}
	}
}

// TestByAddress joins a packet of a kernel that does not say which flow it belongs to. A flow
// with another id than the packet's is not joined.
func TestByAddress(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	local, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS})
	if err != nil {
		t.Fatal(err)
	}
	s, err := kernel.OpenService(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := trace.Headers{Proto: 17, Src: local, Dst: lab.ServerDNS}
	p := found(t.Context(), s, &trace.Packet{First: h, Last: h})
	if !p.byAddress || p.Flow.ID == 0 || p.Flow.Reply || p.sent.Src.Addr() != lab.GatewayWAN || p.sent.Dst != lab.ServerDNS {
		t.Errorf("%+v, flow %+v", p, p.Packet.Flow)
	}
	other := &trace.Packet{First: h, Last: h, Flow: trace.Flow{ID: p.Flow.ID + 1}}
	if q := found(t.Context(), s, other); q.byAddress || q.sent.Src != local || q.sent.Dst != lab.ServerDNS {
		t.Errorf("the flow of another packet: %+v", q)
	}
	back := trace.Headers{Proto: 17, Src: lab.ServerDNS, Dst: netip.AddrPortFrom(lab.GatewayWAN, p.sent.Src.Port())}
	p = found(t.Context(), s, &trace.Packet{First: back, Last: back})
	if !p.byAddress || !p.Flow.Reply || p.sent.Dst != local {
		t.Errorf("%+v, flow %+v", p, p.Packet.Flow)
	}
}

// TestMisuse reports what cannot be traced.
func TestMisuse(t *testing.T) {
	for _, args := range []string{"--rate 10", "--for -1s", "-o xml"} {
		cmd := New(cli.Console{Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
		cmd.SetArgs(strings.Fields(args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		golden.Words(t, args, cmd.Execute())
	}
}
