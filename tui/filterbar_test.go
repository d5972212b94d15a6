package tui

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

type memory struct{ lines []string }

func (m *memory) Lines() []string { return m.lines }
func (m *memory) Add(f string)    { m.lines = append(m.lines, f) }

// A text that is not valid leaves the view as it is; once it is mended, the view
// follows while one types.
func TestFilterTypo(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(80, 24)
	st.press("/tcp dprot 443")
	body := func() string { return strings.Join(strings.Split(st.screen(), "\n")[4:], "\n") }
	all := body()
	if !strings.Contains(st.line(2), "^ ") || st.s.Text != "tcp" && !strings.Contains(all, "ESTABLISHED") {
		t.Fatalf("filter %q\n%s", st.s.Text, st.screen())
	}
	st.press("<enter>")
	if !st.bar.Open {
		t.Fatal("enter accepts a text that is not valid")
	}
	for range len("dprot 443") {
		st.press("<backspace>")
	}
	st.press("dport 443<enter>")
	if st.bar.Open || st.s.Text != "tcp dport 443" || st.s.Matched != 4 {
		t.Errorf("mended: open %v, filter %q, %d flows", st.bar.Open, st.s.Text, st.s.Matched)
	}
	st.press("/ and snat<esc>")
	if st.s.Text != "tcp dport 443" {
		t.Errorf("esc leaves the filter %q", st.s.Text)
	}
	st.press("<ctrl+l>")
	if st.s.Text != "" || st.s.Matched != 9 {
		t.Errorf("no filter: %q, %d flows", st.s.Text, st.s.Matched)
	}
}

// Behind a mistake tab puts in what was probably meant.
func TestFilterMend(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp dprot 443<tab>")
	if got := st.typed(); got != "tcp dport 443" || strings.Contains(st.line(2), "^ ") || st.s.Text != got {
		t.Errorf("typed %q, filter %q\n%s", got, st.s.Text, st.screen())
	}
	st.press(" and snat<enter>")
	if want := "tcp dport 443 and snat"; st.bar.Open || st.s.Text != want {
		t.Errorf("typed on: %q, filter %q, want %q", st.typed(), st.s.Text, want)
	}
}

func TestFilterHistory(t *testing.T) {
	h := &memory{lines: []string{"udp"}}
	st := newStage(t, func(c *Config) { c.History = h })
	st.press("/tcp<enter>/<ctrl+u>snat<enter>/<ctrl+u>dn<up><up><up>")
	if got := st.typed(); got != "udp" {
		t.Errorf("three back: %q", got)
	}
	st.press("<down><down><down>")
	if got := st.typed(); got != "dn" {
		t.Errorf("and on again: %q", got)
	}
	if want := []string{"udp", "tcp", "snat"}; !slices.Equal(h.lines, want) {
		t.Errorf("history %q, want %q", h.lines, want)
	}
	h.lines = []string{"OLD\x1b[2J\u202e"} // the file may be another's
	st = newStage(t, func(c *Config) { c.History = h })
	st.press("/<up>")
	if text := st.View().Content; !strings.Contains(text, "OLD") || strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("controls of the history reach the screen: %q", text)
	}
}

func TestFilterCompletion(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp and dpo<tab>")
	if got := st.typed(); got != "tcp and dport" {
		t.Errorf("after tab: %q", got)
	}
	st.press("44<tab><enter>")
	if st.s.Text != "tcp and dport 443 " || st.s.Matched != 4 {
		t.Errorf("a value of the table: %q, %d flows", st.s.Text, st.s.Matched)
	}
	st.press("/<ctrl+u>st")
	st.press("<tab>")
	first := st.typed()
	st.press("<tab>")
	second := st.typed()
	st.press("<shift+tab>")
	if first == second || st.typed() != first {
		t.Errorf("tab gives %q and %q, shift+tab goes to %q", first, second, st.typed())
	}
}

func TestFilterPasteIsText(t *testing.T) {
	st := newStage(t)
	st.press("/")
	st.send(tea.PasteMsg{Content: "dst 10.0.0.1\n\x1b[2Jq"})
	if strings.ContainsAny(st.View().Content, "\x1b\x07") || st.quit {
		t.Errorf("pasted controls reach the screen: %q", st.View().Content)
	}
}

func TestOnlyAndWithout(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	st.press("<left><left>f") // the protocol of the newest flow
	if st.s.Text != "tcp" || st.s.Matched != 5 {
		t.Errorf("only: %q, %d flows", st.s.Text, st.s.Matched)
	}
	st.press("<right>F") // without its state
	if want := "tcp and not state syn_sent"; st.s.Text != want || st.s.Matched != 4 {
		t.Errorf("without: %q, %d flows", st.s.Text, st.s.Matched)
	}
	st.press("<right><right><right><right><right>f")
	st.foot("a cell without a filter")
	st.press("<ctrl+l><left>F") // DELIVERED TO, without those that are delivered where they were sent
	if st.s.Text != "dnat" || st.s.Matched != 1 {
		t.Errorf("without what is not translated: %q, %d flows", st.s.Text, st.s.Matched)
	}
}

// What the filter says already is not said again.
func TestOnlyTwice(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	st.press("/tcp and nat<enter>")
	st.press("f<left>f<right><right>f") // the source, the state, where it is sent as
	want := "tcp and nat and src 192.168.77.3 and state syn_sent and reply.dst 203.0.113.1"
	if st.s.Text != want || st.s.Matched != 1 {
		t.Errorf("filter %q, %d flows; want %q", st.s.Text, st.s.Matched, want)
	}
	st.press("fff<left><left>f")
	if st.s.Text != want {
		t.Errorf("and once more: %q", st.s.Text)
	}
	st.press("F") // now nothing is left, and the filter says why
	if st.s.Text != want+" and not (tcp and state syn_sent)" {
		t.Errorf("without it too: %q", st.s.Text)
	}
}

func TestLongFilterScrolls(t *testing.T) {
	st := newStage(t)
	st.size(60, 16)
	st.press("/" + strings.Repeat("tcp and ", 20) + "udp")
	line := strings.Split(st.screen(), "\n")[1]
	if !strings.HasSuffix(line, "udp") {
		t.Errorf("the end of a long text is not in sight: %q", line)
	}
	if c := st.View().Cursor; c == nil || c.X >= 60 || c.Y != 1 {
		t.Errorf("cursor %+v", c)
	}
}
