//go:build linux

package who

import (
	"cmp"
	"context"
	"strings"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/translation"
)

// openTable opens the current table of the kernel.
func (o *options) openTable() (*place, error) {
	netns, called := o.at.NetNS, cmp.Or(o.at.Called, o.at.NetNS)
	if o.netns != "" {
		netns, called = o.netns, o.netns
	}
	p := &place{name: "the table of " + monitor.Escape(strings.TrimSpace(called)), span: untilNow}
	switch called {
	case "":
		p.name = "the table"
	case cli.EveryNetNS:
		p.name = "the table of all network namespaces"
	}
	o.whyEmpty = func(ctx context.Context) { cli.FlagsOf(netns).WhyEmpty(ctx, o.con) }
	p.find = func(ctx context.Context, q translation.Query, each translation.Visit) (translation.Result, error) {
		flags := cli.FlagsOf(netns)
		names := flags.Namespaces()
		var refused []error
		skipped := func(err error) { refused = append(refused, err) }
		flows := flags.Flows(ctx, skipped, kernel.DumpConfig{}, names)
		res, err := translation.Search(flows, q, names, monitor.Now(), each)
		res.Faults = refused
		return res, err
	}
	return p, nil
}
