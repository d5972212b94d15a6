package paint

import (
	"testing"

	"github.com/charmbracelet/colorprofile"
)

func TestParseColour(t *testing.T) {
	for text, want := range map[string]string{
		"red": "31", "bright-cyan": "96", "86": "38;5;86", "#5fd7D7": "38;2;95;215;215", "": "",
		"bold white on blue": "1;37;44", "on bright-black": "100", "on #000001": "48;2;0;0;1", "underline faint reverse 0": "4;2;7;38;5;0",
	} {
		if got, err := ParseColour(text); got != want || err != nil {
			t.Errorf("%q: %q %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"bright-", "bright-bold", "256", "-1", "#12345", "#12345g", "Red"} {
		if got, err := ParseColour(text); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// The colours replace those of a theme, also on the row under the cursor.
func TestWith(t *testing.T) {
	style := For("dark", colorprofile.ANSI).With(Colours{"nat": "35"})
	for base, want := range map[Role]string{Text: "\x1b[35mx\x1b[m", Selected: "\x1b[7m\x1b[35mx\x1b[m"} {
		l := Line{Base: base}
		l.Add(NAT, "x")
		if got := string(style.Append(nil, &l)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if len(RoleNames()) != int(roles) || RoleNames()[Chosen] != "chosen" {
		t.Errorf("roles: %v", RoleNames())
	}
}
