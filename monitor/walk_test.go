package monitor

import (
	"fmt"
	"strings"
	"testing"
)

func (e Endpoint) text() string { return fmt.Sprintf("%s:%d", e.Addr, e.Port) }

func walkText(d Direction) string {
	out := []string{fmt.Sprintf("in=%v %s > %s", d.In, d.Src.text(), d.Dst.text())}
	for _, s := range d.Steps {
		l := s.Hook.String()
		switch s.Lookup {
		case LookupNew:
			l += " new"
		case LookupReply:
			l += " found-as-reply"
		case LookupCarried:
			l += " carried"
		}
		if s.NATTable {
			l += " nat-table"
		}
		if r := s.Rewrite; r != nil {
			side := "dst"
			if r.Source {
				side = "src"
			}
			undo := ""
			if r.Undo {
				undo = "undo "
			}
			l += fmt.Sprintf(" [%s%s: %s %s=>%s]", undo, r.Kind, side, r.From.text(), r.To.text())
		}
		if s.Confirm {
			l += " confirm"
		}
		out = append(out, l)
	}
	out = append(out, fmt.Sprintf("out=%v %s > %s", d.Out, d.Last.Src.text(), d.Last.Dst.text()))
	return strings.Join(out, "\n")
}

// The rows of KERNEL's table "which hook does what".
func TestWalk(t *testing.T) {
	snat := natFlow(TCP, SrcNAT, "10.0.0.2:1000", "192.0.2.1:443", "192.0.2.1:443", "203.0.113.1:2000")
	dnat := natFlow(TCP, DstNAT, "192.0.2.1:1000", "203.0.113.1:8080", "10.0.0.2:80", "192.0.2.1:1000")
	both := natFlow(TCP, SrcNAT|DstNAT, "192.0.2.1:1000", "203.0.113.1:8080", "10.0.0.2:80", "10.0.0.1:1000")
	redirect := natFlow(TCP, DstNAT, "10.0.0.2:1000", "192.0.2.1:8081", "10.0.0.1:9091", "10.0.0.2:1000")
	loop := natFlow(TCP, DstNAT, "127.0.0.1:1000", "127.0.0.1:8081", "127.0.0.1:9091", "127.0.0.1:1000")
	for _, c := range []struct {
		name            string
		flow            Flow
		path            Path
		original, reply string
	}{
		{"SNAT, forwarded", snat, PathForward,
			`in=true 10.0.0.2:1000 > 192.0.2.1:443
PREROUTING new nat-table
FORWARD
POSTROUTING nat-table [snat: src 10.0.0.2:1000=>203.0.113.1:2000] confirm
out=true 203.0.113.1:2000 > 192.0.2.1:443`,
			`in=true 192.0.2.1:443 > 203.0.113.1:2000
PREROUTING found-as-reply [undo snat: dst 203.0.113.1:2000=>10.0.0.2:1000]
FORWARD
POSTROUTING
out=true 192.0.2.1:443 > 10.0.0.2:1000`},
		{"DNAT, forwarded", dnat, PathForward,
			`in=true 192.0.2.1:1000 > 203.0.113.1:8080
PREROUTING new nat-table [dnat: dst 203.0.113.1:8080=>10.0.0.2:80]
FORWARD
POSTROUTING nat-table confirm
out=true 192.0.2.1:1000 > 10.0.0.2:80`,
			`in=true 10.0.0.2:80 > 192.0.2.1:1000
PREROUTING found-as-reply
FORWARD
POSTROUTING [undo dnat: src 10.0.0.2:80=>203.0.113.1:8080]
out=true 203.0.113.1:8080 > 192.0.2.1:1000`},
		{"both, from here", both, PathOut,
			`in=false 192.0.2.1:1000 > 203.0.113.1:8080
OUTPUT new nat-table [dnat: dst 203.0.113.1:8080=>10.0.0.2:80]
POSTROUTING nat-table [snat: src 192.0.2.1:1000=>10.0.0.1:1000] confirm
out=true 10.0.0.1:1000 > 10.0.0.2:80`,
			`in=true 10.0.0.2:80 > 10.0.0.1:1000
PREROUTING found-as-reply [undo snat: dst 10.0.0.1:1000=>192.0.2.1:1000]
INPUT [undo dnat: src 10.0.0.2:80=>203.0.113.1:8080]
out=false 203.0.113.1:8080 > 192.0.2.1:1000`},
		{"redirect to here", redirect, PathIn,
			`in=true 10.0.0.2:1000 > 192.0.2.1:8081
PREROUTING new nat-table [dnat: dst 192.0.2.1:8081=>10.0.0.1:9091]
INPUT nat-table confirm
out=false 10.0.0.2:1000 > 10.0.0.1:9091`,
			`in=false 10.0.0.1:9091 > 10.0.0.2:1000
OUTPUT found-as-reply
POSTROUTING [undo dnat: src 10.0.0.1:9091=>192.0.2.1:8081]
out=true 192.0.2.1:8081 > 10.0.0.2:1000`},
		{"redirect over loopback: one look-up, the entry rides on", loop, PathLoop,
			`in=false 127.0.0.1:1000 > 127.0.0.1:8081
OUTPUT new nat-table [dnat: dst 127.0.0.1:8081=>127.0.0.1:9091]
POSTROUTING nat-table confirm
PREROUTING carried
INPUT
out=false 127.0.0.1:1000 > 127.0.0.1:9091`,
			`in=false 127.0.0.1:9091 > 127.0.0.1:1000
OUTPUT found-as-reply
POSTROUTING [undo dnat: src 127.0.0.1:9091=>127.0.0.1:8081]
PREROUTING carried
INPUT
out=false 127.0.0.1:8081 > 127.0.0.1:1000`},
	} {
		c.flow.Path = c.path
		w := NewWalk(&c.flow)
		if got := walkText(w.Original); got != c.original {
			t.Errorf("%s, original:\n%s\nwant\n%s", c.name, got, c.original)
		}
		if got := walkText(w.Reply); got != c.reply {
			t.Errorf("%s, reply:\n%s\nwant\n%s", c.name, got, c.reply)
		}
	}
}

// An ICMP echo's id is on the sender's side of the original direction and on the
// receiver's side of the reply.
func TestWalkICMP(t *testing.T) {
	f := icmpFlow(SrcNAT, "10.0.0.2", "192.0.2.1", "192.0.2.1", "203.0.113.1", 77, 59304)
	f.Path = PathForward
	w := NewWalk(&f)
	got := fmt.Sprint(
		w.Original.Steps[2].Rewrite.To.text(),
		" ",
		w.Reply.Dst.text(),
		" ",
		w.Reply.Steps[0].Rewrite.To.text(),
	)
	if want := "203.0.113.1:59304 203.0.113.1:59304 10.0.0.2:77"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Without the local addresses the walk is drawn as forwarded, and says so.
func TestWalkAssumed(t *testing.T) {
	f := natFlow(TCP, 0, "10.0.0.2:1000", "192.0.2.1:443", "192.0.2.1:443", "10.0.0.2:1000")
	if w := NewWalk(&f); !w.Assumed || w.Path != PathForward {
		t.Errorf("assumed %v, path %v", w.Assumed, w.Path)
	}
}
