package tui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
)

// Every page and pane at the named sizes, without colour and with.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		name string
		keys string
	}{
		{"flows", ""},
		{"flows-cursor", "<down><down><right>"},
		{"flows-sorted", "<right><right>s"},
		{"events", "2"},
		{"top", "3"},
		{"top-ports", "3<right><right>"},
		{"nat", "4"},
		{"detail", "<down><down><down><down><enter>"},
		{"filter", "/tcp and snat<enter>"},
		{"filter-error", "/tcp dprot 443"},
		{"filter-complete", "/tcp and st<tab>"},
		{"only", "<down>f"},
		{"help", "?"},
		{"pause", "<space>"},
		{"copy", "y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t)
			st.gateway()
			st.press(c.keys)
			st.goldenScreens(c.name, nil)
		})
	}
}

// goldenScreens compares what is shown with the golden files of a name: at all
// sizes, and at one of them in colour, in 16 colours and without. again, which may
// be nil, is done at each size.
func (st *stage) goldenScreens(name string, again func()) {
	st.t.Helper()
	all := ""
	for _, size := range [][2]int{{60, 16}, {80, 24}, {120, 30}, {160, 50}} {
		st.size(size[0], size[1])
		if again != nil {
			again()
		}
		all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
	}
	golden(st.t, "screens/"+name+".txt", all)
	st.size(120, 30)
	for _, p := range []struct {
		profile colorprofile.Profile
		name    string
	}{{colorprofile.TrueColor, "dark"}, {colorprofile.ANSI, "ansi"}, {colorprofile.ASCII, "mono"}} {
		st.colour(p.profile)
		golden(st.t, "screens/"+name+"."+p.name+".ansi", st.screen())
	}
}

// At every width all pages keep to it, the age of flows and the keys for help and
// the end are there, and what DNAT and SNAT did is never cut off.
func TestEveryWidth(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.rare()
	for width := minWidth; width <= 200; width++ {
		st.size(width, 24)
		for i := range st.pages {
			st.press(fmt.Sprint(i + 1))
			s := st.screen()
			if !strings.Contains(s, "? help  q quit") {
				t.Errorf("%d columns, page %d: no help", width, i+1)
			}
			if i > 0 {
				continue
			}
			if has := strings.Contains(s, "AGE"); has != (width >= 72) {
				t.Errorf("%d columns: AGE %v", width, has)
			}
			for _, end := range []string{":55506", ":55507", ".1:39502", ".2:80"} {
				if end == ".1:39502" && width < foldBelow {
					end = ".1"
				}
				if !regexp.MustCompile("⇒.*" + regexp.QuoteMeta(end) + `\b`).MatchString(s) {
					t.Errorf("%d columns: %s is not to be seen:\n%s", width, end, s)
				}
			}
		}
	}
}

// Attributes that few flows have get columns where there is room; text that was
// not made here comes as visible escapes.
func TestScreensRare(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.rare()
	all := ""
	for _, keys := range []string{"<home>", "<home><down><down><enter>", "<esc><down><enter>"} {
		st.press(keys)
		for _, size := range [][2]int{{80, 24}, {120, 30}, {160, 50}} {
			st.size(size[0], size[1])
			all += fmt.Sprintf("# %d×%d %s\n%s", size[0], size[1], keys, st.screen())
		}
	}
	golden(t, "screens/rare.txt", all)
}

func TestScreensEmptyEndedSmall(t *testing.T) {
	st := newStage(t)
	all := ""
	for _, size := range [][2]int{{80, 24}, {59, 16}, {60, 15}} {
		st.size(size[0], size[1])
		for _, keys := range []string{"1", "2", "3", "4"} {
			st.press(keys)
			all += fmt.Sprintf("# %d×%d page %s\n%s", size[0], size[1], keys, st.screen())
		}
	}
	st.size(80, 24)
	st.send(fedMsg{fmt.Errorf("read events: broken pipe")})
	st.press("1")
	all += "# ended\n" + st.screen()
	golden(t, "screens/empty.txt", all)
}

func TestScreensThousand(t *testing.T) {
	st := newStage(t)
	st.crowd(1000)
	st.size(120, 30)
	all := ""
	for _, keys := range []string{"<down>", "<pgdn><pgdn><pgdn>", "<end>", "<pgup>", "<home>", "r", "3", "4"} {
		st.press(keys)
		st.frame()
		all += "# " + keys + "\n" + st.screen()
	}
	golden(t, "screens/thousand.txt", all)
}
