package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// FuzzKeys presses whatever keys, with events in between and at whatever sizes:
// nothing panics, and no line is wider than the screen.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("jjkkGgdb/tcp dport 443\r1234sr??"))
	f.Add([]byte("\x01\x02xyyfc\x1bey\r3\x03\x04\r/\t\t\t\x1b"))
	f.Add([]byte("2gGkk \x05jj\x06 1n\x07F\x08f\x09"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) > 200 {
			return
		}
		e := &disk{files: map[string]*file{}}
		st := newStage(t, func(c *Config) { c.Deleter, c.Exporter, c.Player = &deleter{}, e, &player{} })
		st.gateway()
		st.rare()
		for i, k := range keys {
			switch k {
			case 1:
				st.size(60+i*7%120, 16+i*5%40)
			case 2, 3, 4, 5:
				st.press(map[byte]string{2: "<tab>", 3: "<shift+tab>", 4: "<pgdn>", 5: "<end>"}[k])
			case 6:
				st.newcomer(50000 + i)
			case 7:
				st.send(tea.MouseClickMsg{X: i * 13 % st.width, Y: i * 7 % st.height, Button: tea.MouseLeft})
			case 8:
				st.now += 6e9
				st.frame()
			case '\t':
				st.press("<tab>")
			case '\r':
				st.press("<enter>")
			case 0x1b:
				st.press("<esc>")
			case 0x7f:
				st.press("<backspace>")
			case ' ':
				st.press("<space>")
			case '<':
				st.press("<left>")
			default:
				if k > ' ' && k < 0x7f {
					st.press(string(rune(k)))
				}
			}
			st.screen()
		}
	})
}
