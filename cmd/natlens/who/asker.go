//go:build !noui

package who

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/translation"
	"natlens/tui/who"
)

// NewAsker returns the search of the page Who, which takes the words of the command who.
func NewAsker(con cli.Console, scope Scope) who.Asker { return &asker{con, scope} }

type asker struct {
	con   cli.Console
	scope Scope
}

// screenLimit is the default maximum number of translations on the page.
const screenLimit = 1000

// Where implements who.Asker.
func (u *asker) Where() string {
	switch {
	case len(u.scope.Recordings) > 0:
		return "this recording"
	case u.scope.Dir != "":
		return "the history in " + u.scope.Dir
	case u.scope.Table:
		return "the table"
	}
	return "the history in " + defaultHistory + ", or the table"
}

// Ask implements who.Asker.
func (u *asker) Ask(ctx context.Context, question string) (who.Answer, error) {
	o := options{con: u.con, at: u.scope}
	cmd := &cobra.Command{Use: "who"}
	o.register(cmd)
	if err := cmd.ParseFlags(strings.Fields(question)); err != nil {
		return who.Answer{}, cli.FlagError(cmd, err)
	}
	words := cmd.Flags().Args()
	switch {
	case len(words) > 1:
		return who.Answer{}, cli.Usagef("one ADDR[:PORT], not %s as well", words[1])
	case o.format != "":
		return who.Answer{}, cli.Usagef("-o works only with natlens who on the command line")
	case slices.Contains(o.recordings, "-"):
		return who.Answer{}, cli.Usagef("--from -: standard input is the keyboard here")
	case len(words) == 1:
		o.addr = words[0]
	}
	if o.limit == 0 {
		o.limit = screenLimit
	}
	if !o.live && o.dir == "" && len(o.recordings) == 0 {
		o.dir, o.recordings = u.scope.Dir, u.scope.Recordings
		o.live = u.scope.Table && u.scope.Dir == ""
	}
	o.con.Stdin, o.con.Stdout, o.con.Stderr = strings.NewReader(""), io.Discard, io.Discard
	out := screen{answers: answers{loc: time.Local}}
	_, err := o.answer(ctx, func(place string) printer {
		out.place = place
		return &out
	})
	return out.answer, err
}

// screen collects an answer for the UI.
type screen struct {
	answers
	place  string
	answer who.Answer
}

func (s *screen) add(a *translation.Answer) error {
	s.answer.Rows = append(s.answer.Rows, who.Row{Cells: s.cells(a), Uncertain: a.Uncertain()})
	return nil
}

// end removes the columns that are empty in every row.
func (s *screen) end(v *translation.Verdict, hint string) error {
	out := &s.answer
	out.Heads, out.Verdict = s.heads(), s.sentences(v, s.place)
	if hint != "" {
		out.Verdict = append(out.Verdict, hint)
	}
	rows := [][]string{out.Heads}
	for _, r := range out.Rows {
		rows = append(rows, r.Cells)
	}
	for i, cells := range withoutEmpty(rows) {
		if out.Heads = rows[0]; i > 0 {
			out.Rows[i-1].Cells = cells
		}
	}
	return nil
}
