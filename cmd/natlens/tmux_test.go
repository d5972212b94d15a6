//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/lab/labtest"
)

// pane is a terminal of tmux, in a server of its own, with a program in it.
type pane struct {
	t      *testing.T
	socket string
	tty    *os.File
	before terminalState
}

// terminalState is what a program may leave otherwise than it found it.
type terminalState struct {
	termios unix.Termios // stty -a
	modes   string       // alternate screen, cursor, mouse, keypad, …
	screen  string
}

// tmuxModes are the modes of a terminal by tmux's names.
var tmuxModes = []string{
	"alternate_on", "cursor_flag", "cursor_shape", "cursor_very_visible", "insert_flag", "keypad_cursor_flag", "keypad_flag",
	"mouse_all_flag", "mouse_any_flag", "mouse_button_flag", "mouse_sgr_flag", "mouse_standard_flag", "mouse_utf8_flag",
	"origin_flag", "wrap_flag", "scroll_region_upper", "scroll_region_lower", "pane_title",
}

// openPane opens a terminal of that size and runs the test's program in it as
// natlens, with these arguments; see openPaneWith.
func openPane(t *testing.T, cols, rows int, args ...string) *pane {
	t.Helper()
	return openPaneWith(t, cols, rows, beNatlens+"=1", args...)
}

// openPaneWith opens a terminal and reads it, and only then starts the test's
// program in it, with a variable set. When the program ends, its exit code
// appears on the screen; nothing else is there but what the program left.
func openPaneWith(t *testing.T, cols, rows int, variable string, args ...string) *pane {
	t.Helper()
	labtest.Need(t, "tmux")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "natlens") // short: the name of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	p := &pane{t: t, socket: filepath.Join(dir, "tmux")}
	t.Cleanup(func() {
		_ = p.tmuxCommand("kill-server").Run() // it may be gone
		os.RemoveAll(dir)
	})
	words := []string{"env", "TERM=xterm-256color", "COLORTERM=", "NO_COLOR=", "XDG_STATE_HOME=" + dir, variable, program}
	words = append(words, args...)
	for i, word := range words {
		words[i] = shellWord(word)
	}
	script := `printf '\033]2;a title\007'; echo the screen before; read go; ` + strings.Join(words, " ") + "; echo ended $?; exec cat"
	p.tmux("new-session", "-d", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows), script, ";", "set-option", "status", "off")
	p.await("the shell", hasText("the screen before"))
	p.tty, err = os.OpenFile(p.Ask("#{pane_tty}"), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.tty.Close() })
	p.before = p.state()
	p.tmux("pipe-pane", "exec cat > "+shellWord(p.log()))
	p.press("Enter")
	return p
}

func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (p *pane) tmuxCommand(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", p.socket, "-f", "/dev/null", "-u"}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TMUX") })
	return cmd
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	cmd := p.tmuxCommand(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

// Ask returns the value of one of tmux's formats.
func (p *pane) Ask(format string) string {
	p.t.Helper()
	return strings.TrimSuffix(p.tmux("display-message", "-p", format), "\n")
}

// press sends keys by tmux's names: Enter, Escape, Space, C-u, …
func (p *pane) press(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

// enter sends text.
func (p *pane) enter(text string) {
	p.t.Helper()
	p.press("-l", text)
}

// log is the file that gets what is written to the terminal.
func (p *pane) log() string { return filepath.Join(filepath.Dir(p.socket), "written") }

// Written returns every byte that the terminal got, the shell's included. The
// program must have ended.
func (p *pane) Written() string {
	p.t.Helper()
	var text []byte
	labtest.WaitFor(p.t, "the last bytes", func() bool {
		var err error
		if text, err = os.ReadFile(p.log()); err != nil {
			p.t.Fatal(err)
		}
		return strings.Contains(string(text), "ended ")
	})
	return string(text)
}

// screen returns the lines on the screen.
func (p *pane) screen() []string {
	p.t.Helper()
	return strings.Split(strings.TrimSuffix(p.tmux("capture-pane", "-p"), "\n"), "\n")
}

// await waits until the screen fulfils a condition, and returns it.
func (p *pane) await(what string, fulfilled func(lines []string) bool) []string {
	p.t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(20 * time.Millisecond) {
		lines := p.screen()
		if fulfilled(lines) {
			return lines
		}
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain for %s; the screen is\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// hasText reports whether all texts are on the screen.
func hasText(texts ...string) func([]string) bool {
	return func(lines []string) bool {
		all := strings.Join(lines, "\n")
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) })
	}
}

func (p *pane) state() terminalState {
	p.t.Helper()
	termios, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	var modes []string
	for _, m := range tmuxModes {
		modes = append(modes, m+"=#{"+m+"}")
	}
	return terminalState{*termios, p.Ask(strings.Join(modes, " ")), strings.TrimRight(strings.Join(p.screen(), "\n"), "\n")}
}

// ended waits for the end of the program and holds the terminal to being as it
// was before, in settings and modes. It returns the screen.
func (p *pane) ended() string {
	p.t.Helper()
	p.await("the end", func(lines []string) bool {
		return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "ended ") })
	})
	after := p.state()
	if after.termios != p.before.termios {
		p.t.Errorf("the terminal's settings are %+v, were %+v", after.termios, p.before.termios)
	}
	if after.modes != p.before.modes {
		p.t.Errorf("the terminal's modes are %s, were %s", after.modes, p.before.modes)
	}
	return after.screen
}

// endedWell is ended for a program that leaves nothing on the screen.
func (p *pane) endedWell() {
	p.t.Helper()
	// An empty line is what Enter made.
	if got, want := p.ended(), p.before.screen+"\n\nended 0"; got != want {
		p.t.Errorf("the screen is\n%s\nwant\n%s", got, want)
	}
}
