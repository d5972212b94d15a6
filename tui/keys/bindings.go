package keys

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bindings are the keys of all actions.
type Bindings [actions]binding

// Default returns the usual keys.
func Default() *Bindings {
	b := defaults
	return &b
}

// ActionNames returns the names of all actions in a configuration file, in the order of help.
func ActionNames() (names []string) {
	for i := range defaults {
		names = append(names, defaults[i].name)
	}
	return names
}

// action returns an action by its name.
func action(name string) Action { return Action(slices.Index(ActionNames(), name)) }

// Keys returns the keys of an action by its name.
func (b *Bindings) Keys(name string) []string { return b[action(name)].keys }

// Label returns the keys of an action as they are shown.
func (b *Bindings) Label(a Action) string { return b[a].label }

// arrowNames are the names of the keys whose labels are not ASCII.
var arrowNames = strings.NewReplacer("↑↓", "up/down", "↑", "up", "↓", "down", "←", "left", "→", "right")

// ASCII returns the bindings with labels for a terminal without arrows, where v is only a letter.
func (b *Bindings) ASCII() *Bindings {
	plain := *b
	for i := range plain {
		plain[i].label = arrowNames.Replace(plain[i].label)
	}
	return &plain
}

// named are the keys that have names. Other keys are the character that they type.
const named = `up|down|left|right|home|end|pgup|pgdown|insert|delete|tab|enter|esc|space|backspace|f[1-9]|f1[0-2]`

var (
	keyForm = regexp.MustCompile(`^(?:[!-~\pL\pN\pP\pS]|(?:shift\+)?(?:` + named +
		`)|(?:ctrl\+|alt\+){1,2}(?:shift\+)?(?:` + named + `|[!-~]))$`)
	shortKeys = strings.NewReplacer("up", "↑", "down", "↓", "left", "←", "right", "→", "pgup", "pgup", "pgdown", "pgdn")
)

// typing reports whether an action is one of the filter bar and of prompts, where other keys are
// text.
func (a Action) typing() bool { return a >= Accept }

// Set changes the keys of an action. Without keys the action has none. ctrl+c always quits.
func (b *Bindings) Set(name string, to []string) error {
	a := action(name)
	var label []string
	for _, k := range to {
		switch {
		case !keyForm.MatchString(k):
			return fmt.Errorf("%q is not a key: write a character, or a name such as f5, pgup or ctrl+x", k)
		case a.typing() && (len([]rune(k)) == 1 || k == "space"):
			return fmt.Errorf("%s is text in the filter bar: use a key such as f5 or ctrl+x", k)
		}
		label = append(label, shortKeys.Replace(k))
	}
	if (a == Quit || a == Accept || a == Cancel) && len(to) == 0 {
		return errors.New("needs a key")
	}
	if a == Quit && !slices.Contains(to, "ctrl+c") {
		to = append(slices.Clone(to), "ctrl+c")
	}
	b[a].keys, b[a].label = to, strings.Join(label, "/")
	return nil
}

// Clash returns a key of an action that another action has too. ok is false without such a key.
func (b *Bindings) Clash(name string) (key, other string, ok bool) {
	a := action(name)
	for i := range b {
		if o := Action(i); o != a && o.typing() == a.typing() {
			for _, k := range b[a].keys {
				if slices.Contains(b[o].keys, k) {
					return k, b[o].name, true
				}
			}
		}
	}
	return "", "", false
}
