package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/config"
	"natlens/monitor/human"
	"natlens/tui/paint"
)

// Console is the input and output of a command. Tests replace it.
type Console struct {
	Stdin          io.Reader
	Answers        io.Reader // answers to questions, as if Stdin were a terminal; nil: Stdin, if it is one
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	LabelFile      string         // connlabel.conf; "" means export.LabelFile
	Config         *config.Config // nil: no settings
	Places         monitor.Places
	Alone          bool // nothing but this command runs in the process, so that it can give up rights
}

// Terminal reports whether w is a terminal, and its width in columns.
func Terminal(w io.Writer) (width int, ok bool) {
	f, isFile := export.FileOf(Screen(w))
	if !isFile || !term.IsTerminal(f.Fd()) {
		return 0, false
	}
	width, _, err := term.GetSize(f.Fd())
	return width, err == nil
}

// Format returns the format that is given, or else the default of standard output: for a terminal or otherwise.
func (c Console) Format(given, terminal, otherwise string) string {
	if _, ok := Terminal(c.Stdout); ok {
		otherwise = terminal
	}
	return cmp.Or(given, otherwise)
}

// Colour reports whether colours may be written to w: it is a terminal, and neither NO_COLOR (https://no-color.org) nor
// TERM=dumb is set.
func (c Console) Colour(w io.Writer) bool {
	_, ok := Terminal(w)
	return ok && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb"
}

// Background returns dark or light if the terminal reports it (COLORFGBG, set by some
// terminals: foreground;background), otherwise "".
func (c Console) Background() string {
	colours := c.Getenv("COLORFGBG")
	switch background := colours[strings.LastIndex(colours, ";")+1:]; background {
	case "", "default":
		return ""
	case "7", "15":
		return "light"
	}
	return "dark"
}

// Light reports whether the terminal's background is light.
func (c Console) Light() bool { return c.Background() == "light" }

// Style returns the style of drawings on w: the colours of the terminal, or plain text if w is
// not a terminal.
func (c Console) Style(w io.Writer) paint.Style {
	style := paint.Plain
	if _, ok := Terminal(w); ok {
		style = paint.For(c.Background(), colorprofile.Detect(w, os.Environ()))
	}
	if c.ASCII() {
		style = style.ASCII()
	}
	return style
}

// ASCII reports whether the locale has no UTF-8, or the terminal is the Linux console, whose fonts have few signs.
// Without a locale the terminal is assumed to have UTF-8.
func (c Console) ASCII() bool {
	if c.Getenv("TERM") == "linux" {
		return true
	}
	locale := strings.ToLower(cmp.Or(c.Getenv("LC_ALL"), c.Getenv("LC_CTYPE"), c.Getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}

// Refused reports on standard error that a network namespace cannot be read.
func (c Console) Refused(err error) { fmt.Fprintf(c.Stderr, "natlens: %s\n", OneLine(err)) }

// RegisterSummary adds the hidden flag --summary.
func RegisterSummary(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "summary", false, "count in conntrack(8)'s words")
	cmd.Flags().Lookup("summary").Hidden = true
}

// TellDone prints on standard error what was done to how many entries; with --summary in
// conntrack(8)'s words.
func TellDone(con Console, summary bool, n uint64, noun, done string) {
	switch {
	case !summary:
		fmt.Fprintf(con.Stderr, "natlens: %s %s.\n", human.Plural(n, noun), done)
	case noun == "flow":
		fmt.Fprintf(con.Stderr, "natlens: %d flow entries have been %s.\n", n, done)
	default:
		fmt.Fprintf(con.Stderr, "natlens: %d %ss have been %s.\n", n, noun, done)
	}
}

// Gateway is a network namespace that a command made for a run, such as the lab's gateway.
type Gateway struct {
	FD      int    // descriptor of the namespace
	Name    string // name in the user interface
	Started func() // called when the capture has started
}

// messages is standard error for untrusted text: arguments, file names, names from the kernel
// and from recordings, errors. Each Write is one line. Characters that would move the cursor,
// change colours, change the writing direction or start another line become visible escapes,
// once.
type messages struct {
	w     io.Writer
	ascii bool
}

// WithMessages returns the console with a standard error that escapes untrusted text.
func (c Console) WithMessages() Console {
	c.Stderr = messages{c.Stderr, c.ASCII()}
	return c
}

// Screen returns the writer behind standard error without escaping, for drawings in colour.
func Screen(w io.Writer) io.Writer {
	if m, ok := w.(messages); ok {
		return m.w
	}
	return w
}

func (m messages) Write(p []byte) (int, error) {
	line, ended := bytes.CutSuffix(p, []byte("\n"))
	b := monitor.AppendMessage(nil, line)
	if ended {
		b = append(b, '\n')
	}
	if m.ascii {
		b = text.ASCII(b)
	}
	if _, err := m.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}
