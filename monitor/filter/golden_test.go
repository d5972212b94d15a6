package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"natlens/monitor/golden"
)

// testdata/errors holds what Caret says of wrong filters: the filter itself, and
// the complaint under its column.
func TestErrors(t *testing.T) {
	var got strings.Builder
	for _, text := range wrong {
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", text)
			continue
		}
		fmt.Fprintf(&got, "%s\n\n", caret(e))
	}
	golden.File(t, "errors", got.String())
}

func TestErrorLine(t *testing.T) {
	for _, text := range []string{"tcp dprot 443", "tcp dport", "helper \"\x1b", "日本 dport 70000", "tcp \u202e dport"} {
		_, err := Parse(text)
		golden.Words(t, text, err)
	}
	_, err := Parse("timeout < soon")
	if e := err.(*Error); e.Col != 11 || e.Len != 4 {
		t.Errorf("%+v", e)
	}
}

// testdata/complete holds what may come next after the text before the bar.
func TestComplete(t *testing.T) {
	env := Env{
		Labels: map[string]int{"eth0-in": 100, "eth0-out": 101},
		Values: func(f Field) []string {
			return map[Field][]string{FieldOrigDPort: {"443", "4444"}, FieldHelper: {"ftp", "a b"}, FieldState: {"established"}}[f]
		},
	}
	var got strings.Builder
	for _, text := range []string{"|", "t|", "tcp|", "dpo|", "tcp |", "dport |", "dport 44|", "dport htt|", "dport in {443|",
		"dport in {443 |", "dport in {443, |", "dport > |", "helper |", "mark |", "mark & 1 |", "state es|", "status un|", "nat |",
		"nat r|", "(tcp |", "src |", "src p|", "src port |", "orig.src |", "has la|", "event |", "label |", "msg.st|", "not |",
		"timeout < |", "proto t|", "path |", "icmp.|", "bogus |", "dport 70000 |", "tcp ud| dport 5", "ждать |"} {
		before, after, _ := strings.Cut(text, "|")
		fmt.Fprintln(&got, text)
		for _, c := range env.Complete(before+after, utf8.RuneCountInString(before)) {
			kind := [...]string{"word", "field", "operator", "value", "hint"}[c.Kind]
			fmt.Fprintf(&got, "  %-8s %-14s %d..%d  %s\n", kind, c.Text, c.Start, c.End, c.Doc)
		}
	}
	golden.File(t, "complete", got.String())
}

// testdata/split holds filters, the part that is pushed, as text and in
// primitives, and the rest.
func TestSplit(t *testing.T) {
	var got strings.Builder
	for _, text := range []string{"", "tcp dport 443", "tcp dport 443 and established", "(tcp or mark 1) and udp",
		"tcp and mark 1 or udp", "not (tcp and assured)", "not (tcp or assured)", "event new and snat and zone 5",
		"event new or tcp", "mark 1", "host 10.0.0.1 not event destroy", "redirect and dnat-addr", "portonly", "port != 443",
		"nat.src 10.0.0.0/8 nat.dport 80", "icmp.type {8,128} icmp.code 0", "srckey & 0xf00 == 0x100", "dport 80 tcp",
		"dport 80 icmp", "msg.zone 0", "src != {10.0.0.0/8,2001:db8::/32}", "reply.zone 0", "nat none", "false or mark 1"} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, kinds := range []bool{false, true} {
			pushed, rest := Split(e, kinds)
			fmt.Fprintf(&got, "%s (kinds %v)\n  pushed %s\n         %s\n  rest   %s\n", text, kinds, pushed, Lower(pushed), rest)
		}
	}
	golden.File(t, "split", got.String())
}
