//go:build linux

package why

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/golden"
	"natlens/monitor/trace"
)

func at(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func tuple(src, dst string) monitor.Tuple {
	s, d := at(src), at(dst)
	return monitor.Tuple{
		Proto: monitor.TCP, Family: monitor.IPv4, Src: monitor.AddrFrom(s.Addr()), Dst: monitor.AddrFrom(d.Addr()),
		SrcPort: s.Port(), DstPort: d.Port(),
	}
}

const (
	sender = "198.51.100.7:40000"
	public = "203.0.113.1:8080"
	web    = "192.168.77.2:80"
)

var dnat = trace.Forward{
	Step: rule("ip nat prerouting", 4, `iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80`),
	To:   at(web), In: "wan",
}

// rule returns a rule of a chain, by its family, table and name.
func rule(chain string, handle uint64, text string) trace.Step {
	w := strings.Fields(chain)
	s := trace.Step{Kind: trace.Rule, Hook: strings.ToLower(w[2]), Handle: handle, Text: text,
		Chain: trace.Chain{Family: w[0], Table: w[1], Name: w[2], Type: "filter"}}
	s.Forwards, s.Untracks = strings.Contains(text, "dnat"), text == "notrack"
	if w[1] == "nat" {
		s.Chain.Type = "nat"
	}
	if text == `iifname "wan" ct zone set 5` {
		five := uint16(5)
		s.Zone = &five
	}
	for _, verdict := range []string{"drop", "queue"} {
		if strings.Contains(text, verdict) {
			s.Verdict = verdict
		}
	}
	return s
}

// policy returns the policy of a chain.
func policy(chain, verdict string) trace.Step {
	s := rule(chain, 0, "")
	s.Kind, s.Verdict = trace.Policy, verdict
	return s
}

// packet returns a packet that reached the hooks.
func packet(src, dst, in, out string, hooks ...string) *trace.Packet {
	h := trace.Headers{Proto: monitor.TCP, Src: at(src), Dst: at(dst)}
	return &trace.Packet{First: h, Last: h, In: in, Out: out, Hooks: hooks}
}

// answer returns a packet from the web server to the sender.
func answer(change func(*trace.Packet)) []*trace.Packet {
	p := packet(web, sender, "lan", "", "tracked", "forward")
	change(p)
	return []*trace.Packet{p}
}

// healthy are the facts of a port forward that works, changed by a test.
func healthy(change func(*Facts)) *Facts {
	f := &Facts{
		Proto: monitor.TCP, To: at(public), Waited: 1500 * time.Millisecond, Place: doctor.Place{Sudo: true},
		Packet: packet(sender, public, "wan", "lan", "tracked", "forward"),
		Flow: &monitor.Flow{
			ID: 7, Orig: tuple(sender, public), Reply: tuple(web, sender), State: monitor.TCPEstablished,
			Status: monitor.SeenReply | monitor.Assured | monitor.Confirmed | monitor.DstNAT,
		},
		Answers: answer(func(p *trace.Packet) { p.Last.Src, p.Out = at(public), "wan" }),
		Locals: monitor.NewLocals([]netip.Addr{at(public).Addr(), netip.MustParseAddr("192.168.77.1")},
			netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("192.168.77.0/24")),
		Forwards: []trace.Forward{dnat}, There: Route{Dev: "lan"}, Back: Route{Dev: "wan", Via: netip.MustParseAddr("203.0.113.254")},
		Neighbour: "REACHABLE", Forwarding: true, Entries: 10, Max: 1000, Grown: map[string]uint64{},
	}
	f.Packet.Last.Dst, f.Packet.Steps = at(web), []trace.Step{dnat.Step}
	change(f)
	return f
}

// unanswered are the facts of a port forward without an answer.
func unanswered(change func(*Facts)) *Facts {
	return healthy(func(f *Facts) {
		f.Answers, f.Flow.State, f.Flow.Status = nil, monitor.TCPSynSent, monitor.Confirmed|monitor.DstNAT
		change(f)
	})
}

func icmp(from, in string, kind uint16) []*trace.Packet {
	p := packet(netip.AddrPortFrom(netip.MustParseAddr(from), 0).String(), sender, in, "wan", "tracked", "forward")
	p.First.Dst = netip.AddrPortFrom(p.First.Dst.Addr(), 0)
	p.First.Proto, p.First.ICMP = monitor.ICMP, kind
	return []*trace.Packet{p}
}

var drop = rule("inet fw forward", 9, "tcp dport 80 drop")

// tracked are the hooks of a packet that is lost in routing.
var tracked = []string{"tracked"}

// notAsked is a packet of a flow that has no rule of the nat chains that changes it.
var notAsked = []trace.Step{policy("ip nat prerouting", "accept")}

var tests = []struct {
	what  string
	facts *Facts
	want  string // the verdict
}{
	{"healthy", healthy(func(*Facts) {}), "works"},
	{"none came", &Facts{Proto: monitor.UDP, To: at("203.0.113.9:53"), From: at(sender).Addr(), Waited: time.Second},
		"no-packet"},
	{"a rule drops it", unanswered(func(f *Facts) { f.Packet.Steps, f.Flow = append(f.Packet.Steps, drop), nil }), "dropped"},
	{"a policy drops it", unanswered(func(f *Facts) {
		f.Packet.Steps = append(f.Packet.Steps, policy("ip filter FORWARD", "drop"))
	}),
		"dropped"},
	{"notrack", unanswered(func(f *Facts) {
		f.Packet.Steps = append(f.Packet.Steps, rule("ip raw PREROUTING", 2, "notrack"))
	}),
		"untracked"},
	{"full", unanswered(func(f *Facts) { f.Packet.Hooks, f.Entries = nil, 1000 }),
		"table-full"},
	{"dropped by conntrack", unanswered(func(f *Facts) { f.Packet.Hooks = nil }), "conntrack-drop"},
	{"rp_filter, by its counter", unanswered(func(f *Facts) { f.Packet.Hooks, f.Grown[ReversePath] = tracked, 1 }),
		"rp-filter"},
	{"no forwarding", unanswered(func(f *Facts) { f.Packet.Hooks, f.Forwarding = tracked, false }), "not-forwarding"},
	{"no route", unanswered(func(f *Facts) { f.Packet.Hooks, f.There = tracked, Route{Missing: true} }), "no-route"},
	{"lost", unanswered(func(f *Facts) { f.Packet.Hooks = tracked }), "lost"},
	{"older than the rule", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps, f.Packet.Last.Dst = tuple(public, sender), nil, at(public)
	}), "stale"},
	{"older than a rule that changed", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps = tuple("192.168.77.8:80", sender), nil
	}), "stale"},
	{"sent again", unanswered(func(f *Facts) { f.Packet.Steps, f.Neighbour = nil, "FAILED" }),
		"no-host"},
	{"another interface", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps, f.Packet.Last.Dst, f.Packet.In = tuple(public, sender), notAsked, at(public), "wan2"
	}), "not-matched"},
	{"queued", unanswered(func(f *Facts) {
		f.Flow, f.Packet.Steps = nil, append(f.Packet.Steps, rule("inet fw forward", 3, "queue to 5"))
	}), "lost"},
	{"never confirmed", unanswered(func(f *Facts) { f.Flow = nil }), "lost"},
	{"made here", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps, f.Packet.Last.Dst, f.Packet.In = tuple(public, sender), nil, at(public), ""
	}), "not-matched"},
	{"not matched", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps, f.Packet.Last.Dst = tuple(public, sender), notAsked, at(public)
	}), "not-matched"},
	{"no rule", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.Steps, f.Packet.Last.Dst, f.Forwards = tuple(public, sender), notAsked, at(public), nil
	}), "no-forward"},
	{"answer dropped", unanswered(func(f *Facts) {
		f.Answers = answer(func(p *trace.Packet) { p.Steps = []trace.Step{drop} })
	}), "answer-dropped"},
	{"answer refused by rp_filter", unanswered(func(f *Facts) {
		f.Answers, f.Back = answer(func(p *trace.Packet) { p.Hooks = tracked }), Route{Filter: true}
	}), "rp-filter"},
	{"no route back", unanswered(func(f *Facts) {
		f.Answers, f.Back = answer(func(p *trace.Packet) { p.Hooks = tracked }), Route{Missing: true}
	}), "no-route-back"},
	{"RST", unanswered(func(f *Facts) {
		f.Answers = answer(func(p *trace.Packet) { p.First.Flags = RST })
	}), "refused"},
	{"port unreachable", unanswered(func(f *Facts) { f.Answers = icmp("192.168.77.2", "lan", 3<<8|3) }), "refused"},
	{"a router reports", unanswered(func(f *Facts) { f.Answers = icmp("192.168.77.254", "lan", 3<<8|13) }), "unreachable"},
	{"this host reports", unanswered(func(f *Facts) { f.Answers = icmp("203.0.113.1", "", 3<<8|1) }), "no-host"},
	{"the router is off", unanswered(func(f *Facts) { f.Neighbour, f.There.Via = "FAILED", netip.MustParseAddr("192.168.77.254") }),
		"no-host"},
	{"SNAT gone", unanswered(func(f *Facts) { f.Flow.Reply = tuple(web, "192.168.77.50:40000") }), "snat-gone"},
	{"the answer in no zone", unanswered(func(f *Facts) {
		f.Packet.Steps = append(f.Packet.Steps, rule("ip raw PREROUTING", 3, `iifname "wan" ct zone set 5`))
		f.Strays = answer(func(*trace.Packet) {})
	}), "zone"},
	{"an answer that conntrack does not know", unanswered(func(f *Facts) {
		f.Strays = answer(func(*trace.Packet) {})
	}), "answer-untracked"},
	{"hairpin", unanswered(func(f *Facts) {
		f.Packet.First.Src, f.Flow.Orig.Src, f.Flow.Reply = at("192.168.77.9:1"), tuple("192.168.77.9:1", web).Src, tuple(web, "192.168.77.9:1")
	}), "hairpin"},
	{"the answer leaves elsewhere", healthy(func(f *Facts) {
		f.Flow.State, f.Answers[0].Out = monitor.TCPSynRecv, "wan2"
	}), "other-way"},
	{"the sender does not go on", healthy(func(f *Facts) { f.Flow.State = monitor.TCPSynRecv }), "unfinished"},
	{"others are answered", unanswered(func(f *Facts) { f.Others = 2 }), "no-way-back"},
	{"ICMP about the size", healthy(func(f *Facts) { f.Answers = append(f.Answers, icmp("198.51.100.1", "wan", 3<<8|4)...) }),
		"works"},
	{"an answer of long ago", healthy(func(f *Facts) { f.Proto, f.Packet.Flow.Status, f.Answers = monitor.UDP, monitor.SeenReply, nil }), "silent"},
	{"silence", unanswered(func(*Facts) {}), "silent"},
}

func TestDecide(t *testing.T) {
	for _, c := range tests {
		v := Decide(c.facts)
		if v.Name != c.want {
			t.Errorf("%s: %s, want %s", c.what, v.Name, c.want)
		}
		golden.Words(t, c.what, strings.TrimSuffix(v.Sentence+"\n→ "+v.Remedy, "\n→ "))
	}
}

// TestEvidence lists what was seen.
func TestEvidence(t *testing.T) {
	v := Decide(unanswered(func(f *Facts) { f.Answers, f.Others = icmp("192.168.77.254", "lan", 3<<8|1), 1 }))
	golden.Words(t, "", strings.Join(v.Evidence, "\n"))
}

// TestSettled checks when further waiting adds nothing.
func TestSettled(t *testing.T) {
	for _, c := range tests[2:] {
		v := Decide(c.facts)
		want := slices.Contains([]string{"dropped", "table-full", "conntrack-drop", "rp-filter", "not-forwarding", "no-route",
			"answer-dropped", "no-route-back", "refused", "unreachable"}, v.Name) || c.what == "this host reports" || c.what == "lost" || c.what == "ICMP about the size"
		if got := c.facts.Settled(); got != want {
			t.Errorf("%s: settled %v", c.what, got)
		}
	}
	if !healthy(func(*Facts) {}).Settled() {
		t.Error("a healthy one is not settled")
	}
}

// TestDocs checks that docs/why.md has each verdict, in the order of the checks.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, tested []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| .* \\| .*\\|$").FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains([]string{"v", "verdict", "sentence", "remedy", "evidence"}, m[1]) {
			listed = append(listed, m[1])
		}
	}
	for _, c := range tests {
		if name := Decide(c.facts).Name; !slices.Contains(tested, name) {
			tested = append(tested, name)
		}
	}
	slices.Sort(listed)
	slices.Sort(tested)
	if diff := cmp.Diff(strings.Join(tested, "\n"), strings.Join(listed, "\n")); diff != "" {
		t.Error(diff)
	}
}
