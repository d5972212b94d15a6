//go:build linux

package who

import (
	"cmp"
	"context"
	"errors"
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
	switch called {
	case "":
		return "the table"
	case cli.EveryNetNS:
		return "the table of all network namespaces"
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
	flags := cli.FlagsOf(p.netns)
	names := flags.Namespaces()
	s := translation.NewSearch(q, names, each)
	var refused []error
	now := monitor.Now()
	s.Table(now)
	skipped := func(err error) { refused = append(refused, err) }
	for b, err := range flags.Flows(ctx, skipped, kernel.DumpConfig{}, names) {
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
	res, err := s.Finish()
	res.Faults = refused
	return res, err
}
