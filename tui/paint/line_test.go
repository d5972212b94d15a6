package paint

import (
	"testing"

	"github.com/charmbracelet/colorprofile"
)

func TestLineCut(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{20, "abc 日本語 end"}, {14, "abc 日本語 end"}, {13, "abc 日本語 e…"}, {10, "abc 日本… "}, {9, "abc 日本…"}, {2, "a…"}, {1, "…"}, {0, ""},
	} {
		var l Line
		l.Add(Text, "abc ")
		l.Add(NAT, "日本語")
		l.Add(Muted, " end")
		l.Cut(c.width)
		if got := string(Plain.Append(nil, &l)); got != c.want {
			t.Errorf("Cut(%d) = %q, want %q", c.width, got, c.want)
		}
		if l.Width() != Width(string(Plain.Append(nil, &l))) {
			t.Errorf("Cut(%d): Width says %d, the text takes %d", c.width, l.Width(), Width(string(Plain.Append(nil, &l))))
		}
	}
}

func TestLineColumns(t *testing.T) {
	var l Line
	l.AddLeft(Text, "tcp", 6)
	l.AddRight(Text, "12", 5)
	l.AddLeft(Text, " long text", 6)
	l.Fit(20)
	if got, want := string(Plain.Append(nil, &l)), "tcp      12 long…   "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCutMiddle(t *testing.T) {
	for cells, want := range map[int]string{30: "2001:db8:1:2:3:4:5:6", 11: "2001:…:5:6", 2: "2…", 1: "…", 0: ""} {
		if got := CutMiddle("2001:db8:1:2:3:4:5:6", cells); Width(got) > cells || got == "" && want != "" {
			t.Errorf("CutMiddle(%d) = %q", cells, got)
		}
	}
	if got := CutMiddle("2001:db8:1:2:3:4:5:6", 11); got != "2001:…4:5:6" {
		t.Errorf("CutMiddle(11) = %q", got)
	}
}

// Nothing that could move the cursor, ring or turn the reading direction gets
// into a line, even if a caller forgot to escape it.
func TestLineHostile(t *testing.T) {
	var l Line
	l.Add(Text, "a\x1b[2Jb\x9b\u009bc\u202ed\x07e\nf\x7f")
	if got, want := string(Plain.Append(nil, &l)), `a\x1b[2Jb\x9b\u009bc\u202ed\x07e\nf\x7f`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStyleAppend(t *testing.T) {
	var l Line
	l.Add(Text, "a ")
	l.Add(NAT, "b")
	for _, c := range []struct {
		style Style
		base  Role
		want  string
	}{
		{Plain, Selected, "a b"},
		{Mono, Text, "a \x1b[4mb\x1b[m"},
		{Mono, Selected, "\x1b[7ma \x1b[m\x1b[7m\x1b[4mb\x1b[m"},
		{ANSI, Text, "a \x1b[36mb\x1b[m"},
	} {
		l.Base = c.base
		if got := string(c.style.Append(nil, &l)); got != c.want {
			t.Errorf("base %d: got %q, want %q", c.base, got, c.want)
		}
	}
}

func TestFor(t *testing.T) {
	for _, c := range []struct {
		theme   string
		profile colorprofile.Profile
		want    Style
	}{
		{"light", colorprofile.TrueColor, Light}, {"", colorprofile.ANSI256, Dark}, {"dark", colorprofile.ANSI, ANSI},
		{"light", colorprofile.ASCII, Mono}, {"dark", colorprofile.NoTTY, Plain},
	} {
		if got := For(c.theme, c.profile); got != c.want {
			t.Errorf("For(%q, %v) = %v, want %v", c.theme, c.profile, got, c.want)
		}
	}
}
