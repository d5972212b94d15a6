package tui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"natlens/monitor/golden"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
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
		{"top-ports", "3ooo"},
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

// Light terminals have a theme of their own: each page and pane in it.
func TestScreensLight(t *testing.T) {
	for _, c := range []struct{ name, keys string }{
		{"flows", "<down>"}, {"detail", "<down><down><down><down><enter>"}, {"events", "2"}, {"top", "3"}, {"nat", "4"},
		{"filter-error", "/tcp dprot 443"}, {"help", "?"},
	} {
		st := newStage(t, func(c *Config) { c.Theme = "light" })
		st.gateway()
		st.colour(colorprofile.TrueColor)
		st.size(120, 30)
		st.press(c.keys)
		golden.File(t, "screens/"+c.name+".light.ansi", st.screen())
	}
}

// The sizes of golden screens: the smallest one, and four that people have.
var (
	usualSizes = [][2]int{{80, 24}, {120, 30}, {160, 50}, {220, 60}}
	allSizes   = append([][2]int{{60, 16}}, usualSizes...)
)

// goldenScreens compares what is shown with the golden files of a name: as text at
// all sizes; at the usual ones in colour, in 16 colours, with NO_COLOR and in ASCII. again,
// which may be nil, is done at each size.
func (st *stage) goldenScreens(name string, again func()) {
	st.t.Helper()
	at := func(sizes ...[2]int) (all string) {
		for _, size := range sizes {
			st.size(size[0], size[1])
			if again != nil {
				again()
			}
			all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
		}
		return all
	}
	golden.File(st.t, "screens/"+name+".txt", at(allSizes...))
	st.colour(colorprofile.TrueColor)
	golden.File(st.t, "screens/"+name+".dark.ansi", at(usualSizes...))
	st.colour(colorprofile.ASCII)
	golden.File(st.t, "screens/"+name+".mono.ansi", at(usualSizes...))
	st.colour(colorprofile.ANSI)
	golden.File(st.t, "screens/"+name+".16.ansi", at(usualSizes...))
	keys := st.s.Keys
	st.theme.ascii, st.s.Keys = true, keys.ASCII()
	st.colour(colorprofile.NoTTY)
	golden.File(st.t, "screens/"+name+".ascii.txt", at(usualSizes...))
	st.theme.ascii, st.s.Keys = false, keys
	st.colour(colorprofile.NoTTY)
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
				if end == ".1:39502" && width < page.FoldBelow {
					end = ".1"
				}
				if !regexp.MustCompile("⇒.*" + regexp.QuoteMeta(end) + `\b`).MatchString(s) {
					t.Errorf("%d columns: %s is not to be seen:\n%s", width, end, s)
				}
			}
		}
	}
}

// Without UTF-8 every page is ASCII, and each line is as wide as with it.
func TestScreensASCII(t *testing.T) {
	p := &player{Playing: Playing{On: true, Speed: 1, Start: stageNow - 60e9, At: stageNow - 45e9, Finish: stageNow}}
	same := func(c *Config) {
		c.Player, c.Who, c.Health, c.Keys = p, &fakeAsker{answer: someHolders(3)}, &fakeHealth{}, keys.Default().ASCII()
	}
	with, without := newStage(t, same), newStage(t, same, func(c *Config) { c.ASCII = true })
	for _, keys := range []string{"1", "<down>y", "<esc><enter>", "<esc>/tcp dprot<esc>", "2", "3", "4", "5", "6", "?"} {
		for _, st := range []*stage{with, without} {
			if keys == "1" {
				st.gateway()
				st.rare()
			}
			st.size(160, 50)
			st.press(keys)
		}
		for y := range with.height {
			utf8, ascii := with.line(y), without.line(y)
			if i := strings.IndexFunc(ascii, func(r rune) bool { return r > 0x7e }); i >= 0 ||
				paint.Width(ascii) != paint.Width(utf8) {
				t.Errorf("%s: %q has no ASCII form of the same width: %q", keys, utf8, ascii)
			}
		}
	}
	without = newStage(t, func(c *Config) { c.ASCII = true })
	without.size(80, 24)
	if without.press("?"); !strings.Contains(without.screen(), "down/j    down") {
		t.Errorf("the key v is down:\n%s", without.screen())
	}
	without.size(59, 16)
	if got := without.screen(); strings.Contains(got, "×") {
		t.Errorf("a screen that is too small: %q", got)
	}
}

// Attributes that few flows have get columns where there is room; text that was
// not made here comes as visible escapes.
func TestScreensRare(t *testing.T) {
	st := newStage(t, readable)
	st.gateway()
	st.rare()
	all := ""
	for _, keys := range []string{"<home>", "<home><down><down><enter>", "<esc><down><enter>"} {
		st.press(keys)
		for _, size := range usualSizes {
			st.size(size[0], size[1])
			all += fmt.Sprintf("# %d×%d %s\n%s", size[0], size[1], keys, st.screen())
		}
	}
	golden.File(t, "screens/rare.txt", all)
}

func TestScreensEmptyEndedSmall(t *testing.T) {
	st := newStage(t)
	all := ""
	for _, size := range append([][2]int{{59, 16}, {60, 15}}, allSizes...) {
		st.size(size[0], size[1])
		for _, keys := range []string{"1", "2", "3", "4"} {
			st.press(keys)
			all += fmt.Sprintf("# %d×%d page %s\n%s", size[0], size[1], keys, st.screen())
		}
	}
	st.fed(fmt.Errorf("read events: broken pipe"))
	st.press("1")
	for _, size := range allSizes {
		st.size(size[0], size[1])
		all += fmt.Sprintf("# ended, %d×%d\n%s", size[0], size[1], st.screen())
	}
	golden.File(t, "screens/empty.txt", all)
}

func TestScreensThousand(t *testing.T) {
	st := newStage(t)
	st.clients(1000)
	all := ""
	for _, size := range allSizes {
		st.size(size[0], size[1])
		for _, keys := range []string{"1<home><down>", "<pgdn><pgdn><pgdn>", "<end>", "<pgup>", "<home>", "r", "2", "3", "4"} {
			st.press(keys)
			st.frame()
			all += fmt.Sprintf("# %d×%d %s\n%s", size[0], size[1], keys, st.screen())
		}
		st.press("1r")
	}
	golden.File(t, "screens/thousand.txt", all)
}
