//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long a screen may take to show what is waited for. What the
// lab's traffic has only now and then takes its time.
const patience = 90 * time.Second

// terminals are tmux's: a server of its own, with no configuration and nobody
// attached.
type terminals struct{ dir string }

// newTerminals looks for tmux. Servers that it starts inherit the namespaces of
// the thread that opens the first terminal.
func newTerminals() (*terminals, error) {
	if _, err := exec.LookPath("tmux"); err != nil {
		return nil, errors.New("tmux is missing: it is the terminal that the pictures are taken of (apt-get install tmux, dnf install tmux, …)")
	}
	dir, err := os.MkdirTemp("", "natlens-screens")
	if err != nil {
		return nil, err
	}
	return &terminals{dir}, nil
}

// close ends the server and all that runs in it.
func (t *terminals) close() {
	_, _ = t.tmux("kill-server") // it may not have been started
	os.RemoveAll(t.dir)
}

func (t *terminals) tmux(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-S", filepath.Join(t.dir, "socket"), "-f", "/dev/null", "-u"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// terminal is one of them, with a program in it.
type terminal struct {
	on         *terminals
	name       string
	cols, rows int
}

// open runs a shell command in a new terminal. The command sees a terminal of 24
// bit colours that is not tmux's (colours are reduced for tmux), UTC, and a home
// of its own.
func (t *terminals) open(name string, cols, rows int, command string) (*terminal, error) {
	command = "unset TMUX TMUX_PANE NO_COLOR COLORFGBG; export TERM=xterm-256color COLORTERM=truecolor TZ=UTC" +
		" LC_ALL=C.UTF-8 HOME=" + quoted(t.dir) + " XDG_STATE_HOME=" + quoted(t.dir) + "; " + command
	_, err := t.tmux("start-server", ";", "set-option", "-s", "exit-empty", "off", ";", "set-option", "-g", "status", "off", ";",
		"new-session", "-d", "-s", name, "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows), command)
	if err != nil {
		return nil, err
	}
	return &terminal{t, name, cols, rows}, nil
}

// quoted is text as a word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// close ends the terminal and its program.
func (t *terminal) close() { _, _ = t.on.tmux("kill-session", "-t", t.name) }

// press sends keys by tmux's names: Enter, Escape, Space, Down, …
func (t *terminal) press(keys ...string) error {
	_, err := t.on.tmux(append([]string{"send-keys", "-t", t.name}, keys...)...)
	return err
}

// enter sends text as it is.
func (t *terminal) enter(text string) error { return t.press("-l", text) }

// capture returns the screen as it is now, with its SGR sequences, and where the
// cursor is; nil if it is hidden.
func (t *terminal) capture() (string, *cell, error) {
	// -N keeps blanks at the ends of lines: they may have a background.
	text, err := t.on.tmux("capture-pane", "-e", "-p", "-N", "-t", t.name, ";",
		"display-message", "-p", "-t", t.name, "#{cursor_flag} #{cursor_x} #{cursor_y}")
	if err != nil {
		return "", nil, err
	}
	text = strings.TrimSuffix(text, "\n")
	end := strings.LastIndexByte(text, '\n') + 1
	var shown int
	var at cell
	if _, err := fmt.Sscan(text[end:], &shown, &at.x, &at.y); err != nil {
		return "", nil, fmt.Errorf("read tmux's cursor from %q: %w", text[end:], err)
	}
	if shown == 0 {
		return text[:end], nil, nil
	}
	return text[:end], &at, nil
}

// await waits until the screen's text fulfils a condition, and stands still for
// the time of two captures: half a frame is no picture. It returns that screen.
func (t *terminal) await(ctx context.Context, what string, fulfilled func(text string) bool) (*picture, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for before := ""; ; {
		text, cursor, err := t.capture()
		if err != nil {
			return nil, fmt.Errorf("waiting for %s: %w", what, err)
		}
		rows := parse(text)
		if fulfilled(rows.String()) {
			if text == before {
				return &picture{cols: t.cols, rows: rows, cursor: cursor}, nil
			}
			before = text
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s: %w; the screen is\n%s", what, context.Cause(ctx), rows)
		case <-time.After(30 * time.Millisecond):
		}
	}
}
