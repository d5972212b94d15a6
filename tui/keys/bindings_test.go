package keys

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// Other keys act, and help and footer show them; an action without keys is not shown.
func TestSet(t *testing.T) {
	b := Default()
	for name, to := range map[string][]string{"pause": {"p", "ctrl+up"}, "right": {"é"}, "theme": nil, "quit": {"Q"}} {
		if err := b.Set(name, to); err != nil {
			t.Fatal(err)
		}
		if key, other, ok := b.Clash(name); ok {
			t.Errorf("%s: %s is also %s", name, key, other)
		}
	}
	m := b.Bind(Actions{Pause: {}, Right: {Label: "←→", Does: "group by"}, Theme: {}, Quit: {}, Sort: {}})
	for a, want := range map[Action]string{Pause: "p/ctrl+↑", Right: "é", Quit: "Q", Sort: "s"} {
		if h, ok := m.Hint(a); !ok || h.Label != want {
			t.Errorf("%s: %q, want %q", defaults[a].name, h.Label, want)
		}
	}
	if h, ok := m.Hint(Theme); ok {
		t.Errorf("theme is shown: %v", h)
	}
	for key, want := range map[string]Action{"p": Pause, "é": Right, "ctrl+c": Quit, "s": Sort} {
		if got, ok := m.byKey[key]; !ok || got != want {
			t.Errorf("%s: %d %v", key, got, ok)
		}
	}
	if _, ok := m.Action(tea.KeyPressMsg{Code: tea.KeySpace}); ok {
		t.Error("space still pauses")
	}
	if Default().Label(Pause) != "space" {
		t.Error("the usual keys changed")
	}
}

// A key of the filter bar may be one of the pages too.
func TestClash(t *testing.T) {
	b := Default()
	for _, name := range ActionNames() {
		if key, other, ok := b.Clash(name); ok {
			t.Errorf("%s: %s is also %s", name, key, other)
		}
	}
	if err := b.Set("complete", []string{"f1"}); err != nil {
		t.Error(err)
	}
	if _, _, ok := b.Clash("complete"); ok {
		t.Error("help and completion are never shown together")
	}
	for _, wrong := range []string{"", "ab", "ctrl+", "shift+a", "ctrl+alt", "f13", "\x01", "ctrl+ctrl+ctrl+a"} {
		if err := b.Set("sort", []string{wrong}); err == nil {
			t.Errorf("%q is a key", wrong)
		}
	}
}

// Without UTF-8 no label has a sign that could be read as another key.
func TestLabelsInASCII(t *testing.T) {
	plain := Default().ASCII()
	for a := range plain {
		for _, r := range plain[a].label {
			if r > 0x7e {
				t.Errorf("%s: %q", plain[a].name, plain[a].label)
			}
		}
	}
	if got := plain[Down].label + " " + plain[Older].label; got != "down/j up/down" || Default()[Down].label != "↓/j" {
		t.Errorf("labels %q, and those with UTF-8: %q", got, Default()[Down].label)
	}
}
