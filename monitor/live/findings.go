//go:build linux

package live

import (
	"context"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
	"natlens/monitor/kernel"
)

// establishedSysctl says how long an ESTABLISHED flow lives without packets.
const establishedSysctl = "net.netfilter.nf_conntrack_tcp_timeout_established"

// askTime bounds a question of the rules to the kernel.
const askTime = 3 * time.Second

// look has the rules look for findings in every flow of the run.
func (r *Run) look(thresholds findings.Thresholds) {
	r.Findings = findings.New(findings.Config{
		Table:              r.Loop.Table,
		Thresholds:         thresholds,
		Namespace:          r.selects,
		Counters:           r.races,
		EstablishedTimeout: r.establishedTimeout,
		Packets:            r.packets,
		Refresh:            r.Loop.Refresh,
		Command:            func(id monitor.NetNS, args ...string) string { return r.Place(id).Natlens(args...) },
	})
	r.Loop.Rules = r.Findings
	r.wantAll()
}

// selects returns the name of a namespace and the filter that selects its flows.
func (r *Run) selects(id monitor.NetNS) (name, only string) {
	if name = r.Name(id); name != "" {
		only = "netns " + filter.Quote(name)
	}
	return name, only
}

// races reads how many flows the kernel could not insert, and how many it merged.
func (r *Run) races() (map[monitor.NetNS]findings.Counters, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	read, err := r.Read(ctx)
	if len(read) == 0 {
		return nil, err
	}
	all := make(map[monitor.NetNS]findings.Counters, len(read))
	for _, one := range read {
		all[one.ID] = findings.Counters{InsertFailed: one.Counters["insert_failed"], ClashResolve: one.Counters["clash_resolve"]}
	}
	return all, nil
}

func (r *Run) establishedTimeout(id monitor.NetNS) (d time.Duration) {
	_ = r.In(id, func(fd int) error {
		d = probe.Seconds(fd, establishedSysctl)
		return nil
	})
	return d
}

// packets asks for the counters of a flow.
func (r *Run) packets(f *monitor.Flow) (orig, reply uint64, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	var b monitor.Batch
	err := r.service(f.Orig.NetNS, func(s *kernel.Service) error { return s.Get(ctx, f, &b) })
	if err != nil || len(b.Events) == 0 {
		return 0, 0, false
	}
	e := &b.Events[0]
	return e.Flow.CountersOrig.Packets, e.Flow.CountersReply.Packets, e.Has.All(monitor.AttrCountersOrig | monitor.AttrCountersReply)
}
