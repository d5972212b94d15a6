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
	if st.bar.err == nil || st.s.text != "tcp" && !strings.Contains(all, "ESTABLISHED") {
		t.Fatalf("error %v, filter %q", st.bar.err, st.s.text)
	}
	st.press("<enter>")
	if !st.bar.open {
		t.Fatal("enter accepts a text that is not valid")
	}
	for range len("dprot 443") {
		st.press("<backspace>")
	}
	st.press("dport 443<enter>")
	if st.bar.open || st.s.text != "tcp dport 443" || st.s.matched != 4 {
		t.Errorf("mended: open %v, filter %q, %d flows", st.bar.open, st.s.text, st.s.matched)
	}
	st.press("/ and snat<esc>")
	if st.s.text != "tcp dport 443" {
		t.Errorf("esc leaves the filter %q", st.s.text)
	}
	st.press("<ctrl+l>")
	if st.s.text != "" || st.s.matched != 9 {
		t.Errorf("no filter: %q, %d flows", st.s.text, st.s.matched)
	}
}

// Behind a mistake tab puts in what was probably meant.
func TestFilterMend(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp dprot 443<tab>")
	if got := st.bar.input.Value(); got != "tcp dport 443" || st.bar.err != nil || st.s.text != got {
		t.Errorf("typed %q, error %v, filter %q", got, st.bar.err, st.s.text)
	}
	st.press(" and snat<enter>")
	if want := "tcp dport 443 and snat"; st.bar.open || st.s.text != want {
		t.Errorf("typed on: %q, filter %q, want %q", st.bar.input.Value(), st.s.text, want)
	}
}

func TestFilterHistory(t *testing.T) {
	h := &memory{lines: []string{"udp"}}
	st := newStage(t, func(c *Config) { c.History = h })
	st.press("/tcp<enter>/<ctrl+u>snat<enter>/<ctrl+u>dn<up><up><up>")
	if got := st.bar.input.Value(); got != "udp" {
		t.Errorf("three back: %q", got)
	}
	st.press("<down><down><down>")
	if got := st.bar.input.Value(); got != "dn" {
		t.Errorf("and on again: %q", got)
	}
	if want := []string{"udp", "tcp", "snat"}; !slices.Equal(h.lines, want) {
		t.Errorf("history %q, want %q", h.lines, want)
	}
}

func TestFilterCompletion(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp and dpo<tab>")
	if got := st.bar.input.Value(); got != "tcp and dport " {
		t.Errorf("after tab: %q", got)
	}
	st.press("44<tab><enter>")
	if st.s.text != "tcp and dport 443 " || st.s.matched != 4 {
		t.Errorf("a value of the table: %q, %d flows", st.s.text, st.s.matched)
	}
	st.press("/<ctrl+u>st")
	st.press("<tab>")
	first := st.bar.input.Value()
	st.press("<tab>")
	second := st.bar.input.Value()
	st.press("<shift+tab>")
	if first == second || st.bar.input.Value() != first {
		t.Errorf("tab gives %q and %q, shift+tab goes to %q", first, second, st.bar.input.Value())
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
	if st.s.text != "tcp" || st.s.matched != 5 {
		t.Errorf("only: %q, %d flows", st.s.text, st.s.matched)
	}
	st.press("<right>F") // without its state
	if want := "tcp and not state syn_sent"; st.s.text != want || st.s.matched != 4 {
		t.Errorf("without: %q, %d flows", st.s.text, st.s.matched)
	}
	st.press("<right><right><right><right><right>f")
	if !strings.Contains(st.screen(), "this cell is no filter") {
		t.Errorf("a cell without a filter says nothing:\n%s", st.screen())
	}
	st.press("<ctrl+l><left>F") // DELIVERED TO, without those that are delivered where they were sent
	if st.s.text != "dnat" || st.s.matched != 1 {
		t.Errorf("without what is not translated: %q, %d flows", st.s.text, st.s.matched)
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
	if st.s.text != want || st.s.matched != 1 {
		t.Errorf("filter %q, %d flows; want %q", st.s.text, st.s.matched, want)
	}
	st.press("fff<left><left>f")
	if st.s.text != want {
		t.Errorf("and once more: %q", st.s.text)
	}
	st.press("F") // now nothing is left, and the filter says why
	if st.s.text != want+" and not (tcp and state syn_sent)" {
		t.Errorf("without it too: %q", st.s.text)
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
