package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/tui/who"
)

// uiWho answers the UI's questions as natlens who does.
type uiWho struct {
	con cli.Console
	of  ui.Questions
}

// uiWhoLimit is how many translations the UI takes, unless --limit says so.
const uiWhoLimit = 1000

// Where says where it looks.
func (u *uiWho) Where() string {
	switch {
	case len(u.of.Recordings) > 0:
		return "this recording"
	case u.of.Dir != "":
		return "the history in " + monitor.Escape(u.of.Dir)
	case u.of.Table:
		return "the table"
	}
	return "the history in " + defaultHistory + ", or the table"
}

// Ask answers a question in the words of natlens who.
func (u *uiWho) Ask(ctx context.Context, question string) (who.Answer, error) {
	cfg := whoConfig{own: u.of.NetNS, called: u.of.Called}
	cmd := &cobra.Command{Use: "who"}
	cfg.Register(cmd)
	if err := cmd.ParseFlags(strings.Fields(question)); err != nil {
		return who.Answer{}, cli.FlagError(cmd, err)
	}
	words := cmd.Flags().Args()
	switch {
	case len(words) > 1:
		return who.Answer{}, cli.Usagef("one ADDR[:PORT], not %s as well", words[1])
	case cfg.format != "":
		return who.Answer{}, cli.Usagef("-o is for natlens who on the command line")
	case slices.Contains(cfg.recordings, "-"):
		return who.Answer{}, cli.Usagef("--recording -: standard input is the keyboard here")
	case len(words) == 1:
		cfg.addr = words[0]
	}
	if cfg.limit == 0 {
		cfg.limit = uiWhoLimit
	}
	if !cfg.live && cfg.dir == "" && len(cfg.recordings) == 0 {
		cfg.dir, cfg.recordings = u.of.Dir, u.of.Recordings
		cfg.live = u.of.Table && u.of.Dir == ""
	}
	con := u.con
	con.Stdin, con.Stdout, con.Stderr = strings.NewReader(""), io.Discard, io.Discard
	out := whoScreen{}
	_, err := cfg.answer(ctx, con, func(name string) (whoPrinter, error) {
		out.text = newWhoText(con, name)
		return &out, nil
	})
	return out.answer, err
}

// whoScreen collects an answer for the UI.
type whoScreen struct {
	text   *whoText
	answer who.Answer
}

func (s *whoScreen) add(a *history.Answer) error {
	s.text.count(a)
	s.answer.Rows = append(s.answer.Rows, who.Row{Cells: s.text.row(a), Uncertain: uncertain(a)})
	return nil
}

// end leaves out the columns that are empty in every row.
func (s *whoScreen) end(v *verdict) error {
	s.answer.Heads = s.text.heads()
	s.answer.Verdict = v.lines(s.text.hosts, s.text.more, s.text.doubtful, s.text.name, s.text.clock)
	for i := len(s.answer.Heads) - 1; i >= 0; i-- {
		if slices.ContainsFunc(s.answer.Rows, func(r who.Row) bool { return r.Cells[i] != "" }) {
			continue
		}
		s.answer.Heads = slices.Delete(s.answer.Heads, i, i+1)
		for r := range s.answer.Rows {
			s.answer.Rows[r].Cells = slices.Delete(s.answer.Rows[r].Cells, i, i+1)
		}
	}
	return nil
}
