package filter

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// No text makes the parser panic; an error lies within the text; and what a text
// means prints as a text that means the same, and that every function takes.
func FuzzParse(f *testing.F) {
	for _, c := range canonical {
		f.Add(c.text)
	}
	for _, c := range matches {
		f.Add(c.text)
	}
	for _, s := range []string{"dprot 443", "((((", "not not", "dport 80..", "src ::1-::5", "helper \"\\xff\"", "日本 tcp",
		"mark 1/2/3", "timeout 1.5.2s", "a..b...c", "age > 106751d", "bytes 18446744073709551615", "port {", "dport <7-53", "nat in {none,any}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			checkError(t, text, err)
			return
		}
		again, err := Parse(e.String())
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%q is %#v; its text %q is %#v (%v)", text, e, e, again, err)
		}
		got := matching(e)
		if lowered := matching(Lower(e)); lowered != got {
			t.Fatalf("%s wants %s, lowered %s wants %s", e, got, Lower(e), lowered)
		}
		for _, kinds := range []bool{false, true} {
			pushed, rest := Split(e, kinds)
			if both := matching(AllOf(pushed, rest)); both != got {
				t.Fatalf("%s wants %s, %s and %s want %s", e, got, pushed, rest, both)
			}
			checkPrimitives(t, Lower(pushed), kinds)
		}
	})
}

func checkError(t *testing.T, text string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: %T is no *Error", text, err)
	}
	n := utf8.RuneCountInString(text)
	if e.Col < 1 || e.Col > n+1 || e.Len < 1 || e.Col+e.Len > n+2 {
		t.Fatalf("%q: columns %d+%d of %d: %v", text, e.Col, e.Len, n, e)
	}
	if e.Msg == "" || strings.ContainsAny(e.Error(), "\n\x1b") || strings.Count(caret(e), "\n") != 1 {
		t.Fatalf("%q: %q\n%q", text, e.Error(), caret(e))
	}
}

// checkPrimitives fails if a tree holds anything that a program in the kernel
// cannot do.
func checkPrimitives(t *testing.T, e Expr, kinds bool) {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			checkPrimitives(t, x, kinds)
		}
	case Or:
		for _, x := range e {
			checkPrimitives(t, x, kinds)
		}
	case Not:
		checkPrimitives(t, e.X, kinds)
	case In:
		if len(e.Set) == 0 || e.Mask == 0 || !e.Field.InTuple() && (e.Field != FieldEvent || !kinds) {
			t.Fatalf("no primitive: %#v", e)
		}
	case Prefix:
		if e.Field < FieldOrigSrc || e.Field > FieldReplyDst || e.Net != e.Net.Masked() {
			t.Fatalf("no primitive: %#v", e)
		}
	case Differ:
		if !e.A.InTuple() || !e.B.InTuple() {
			t.Fatalf("no primitive: %#v", e)
		}
	case Const:
	default:
		t.Fatalf("no primitive: %#v", e)
	}
}

// Completion takes any text and cursor, and what it offers goes on from there.
func FuzzComplete(f *testing.F) {
	for _, c := range canonical {
		f.Add(c.text, len(c.text)/2)
		f.Add(c.text, len(c.text))
	}
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		n := utf8.RuneCountInString(text)
		for _, c := range (Env{}).Complete(text, cursor) {
			if c.Start < 0 || c.Start > c.End || c.End > n {
				t.Fatalf("%q at %d: %+v", text, cursor, c)
			}
			typed := string([]rune(text)[c.Start:c.End])
			if !strings.HasPrefix(fold(c.Text), fold(typed)) {
				t.Fatalf("%q at %d: %+v does not go on from %q", text, cursor, c, typed)
			}
		}
	})
}

// No command line makes the translation panic, and what it makes is a filter of
// the language.
func FuzzFromConntrack(f *testing.F) {
	for _, c := range flagLines {
		f.Add(c.args)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, _, err := fromArgs(labelEnv, strings.Fields(line))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("%q: %q", line, err)
			}
			return
		}
		again, err := Parse(s.Expr.String())
		if err != nil || !reflect.DeepEqual(s.Expr, again) {
			t.Fatalf("%q is %#v; its text %q is %#v (%v)", line, s.Expr, s.Expr, again, err)
		}
		matching(s.Expr)
	})
}
