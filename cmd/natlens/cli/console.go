package cli

import (
	"cmp"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"natlens/export"
	"natlens/tui/paint"
)

// Console is the outside world as a command sees it, so that tests can put
// another one in its place.
type Console struct {
	Stdin          io.Reader
	Answers        io.Reader // answers to questions, as if Stdin were a terminal; nil: Stdin, if it is one
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	LabelFile      string // connlabel.conf; "" means export.LabelFile
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

// Colour reports whether what is written to w may be coloured: a terminal, and
// nobody said otherwise (https://no-color.org).
func (c Console) Colour(w io.Writer) bool {
	_, ok := Terminal(w)
	return ok && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb"
}

// Background is dark or light if the terminal says so (COLORFGBG, which several
// terminals set: foreground;background), else "".
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

// Light reports whether the terminal says that its background is light.
func (c Console) Light() bool { return c.Background() == "light" }

// Style is how drawings for people look on w: plain text unless it is a
// terminal, in the colours that it has.
func (c Console) Style(w io.Writer) paint.Style {
	style := paint.Plain()
	if _, ok := Terminal(w); ok {
		theme := ""
		if c.Light() {
			theme = "light"
		}
		style = paint.For(theme, colorprofile.Detect(w, os.Environ()))
	}
	if c.ASCII() {
		style = style.ASCII()
	}
	return style
}

// ASCII reports whether the locale has no UTF-8. Without any locale the terminal is
// taken for one with UTF-8.
func (c Console) ASCII() bool {
	locale := strings.ToLower(cmp.Or(c.Getenv("LC_ALL"), c.Getenv("LC_CTYPE"), c.Getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}
