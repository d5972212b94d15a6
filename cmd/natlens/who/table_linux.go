//go:build linux

package who

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/translation"
)

// tablePlace is the kernel's table as it is now.
type tablePlace struct{ tableOf }

func (o *options) openTable() (place, error) {
	if o.netns != "" {
		return &tablePlace{tableOf{o.netns, o.netns}}, nil
	}
	return &tablePlace{o.table}, nil
}

func (p *tablePlace) name() string {
	called := cmp.Or(p.called, p.netns)
	if called == "" {
		return "the table"
	}
	return "the table of " + monitor.Escape(strings.TrimSpace(called))
}

func (p *tablePlace) span() (begin, end monitor.Time, help string, err error) {
	now := monitor.Now()
	return now, now, cli.MomentNowHelp, nil
}

func (p *tablePlace) find(
	ctx context.Context, q translation.Query, each translation.Visit,
) (translation.Result, error) {
	table := cli.CaptureFlags{Netns: p.netns}
	s := translation.NewSearch(q, nil, each)
	now := monitor.Now()
	s.Table(now)
	for b, err := range table.Flows(ctx, cli.Console{Stderr: io.Discard}, kernel.DumpConfig{}, nil) {
		if err != nil {
			return translation.Result{}, err
		}
		for i := range b.Events {
			if e := &b.Events[i]; e.Time == 0 {
				e.Time = now
			}
		}
		if err := s.Write(b); errors.Is(err, translation.ErrStop) {
			break
		} else if err != nil {
			return translation.Result{}, err
		}
	}
	return s.Finish()
}
