package paint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// roleNames are the names of the roles in a configuration file.
var roleNames = [roles]string{"text", "muted", "title", "label", "sorted", "nat", "arrow", "new", "ended", "warn",
	"bad", "key", "match", "bar", "selected", "tab", "chosen"}

// RoleNames returns the names of all roles.
func RoleNames() []string { return slices.Clone(roleNames[:]) }

// Colours are SGR parameters of roles, by name, that replace those of a style.
type Colours map[string]string

var (
	sixteen    = strings.Fields("black red green yellow blue magenta cyan white")
	attributes = map[string]string{"bold": "1", "faint": "2", "underline": "4", "reverse": "7"}
	hexColour  = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

// ParseColour reads a colour and attributes, such as "#5fd7d7", "bright-red on black" or "bold",
// and returns their SGR parameters.
func ParseColour(text string) (sgr string, err error) {
	base, all := 30, []string{}
	for _, word := range strings.Fields(text) {
		name, bright := strings.CutPrefix(word, "bright-")
		at := slices.Index(sixteen, name)
		n, notNumber := strconv.ParseUint(word, 10, 8)
		switch {
		case word == "on":
			base = 40
			continue
		case attributes[word] != "":
			all = append(all, attributes[word])
		case at >= 0 && bright:
			all = append(all, strconv.Itoa(base+60+at))
		case at >= 0:
			all = append(all, strconv.Itoa(base+at))
		case notNumber == nil:
			all = append(all, fmt.Sprintf("%d;5;%d", base+8, n))
		case hexColour.MatchString(word):
			rgb, _ := strconv.ParseUint(word[1:], 16, 32)
			all = append(all, fmt.Sprintf("%d;2;%d;%d;%d", base+8, rgb>>16, rgb>>8&255, rgb&255))
		default:
			return "", fmt.Errorf("%q is not a colour: write #rrggbb, a number up to 255 or one of %s, also with "+
				"bright-; before it bold, faint, underline or reverse; after on, a background", word,
				strings.Join(sixteen, ", "))
		}
	}
	return strings.Join(all, ";"), nil
}

// With returns the style with other colours.
func (s Style) With(colours Colours) Style {
	for i, name := range roleNames {
		if sgr, ok := colours[name]; ok {
			s.pens[i], s.over[i] = sgr, sgr
		}
	}
	return s
}
