//go:build linux

package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// askTime is the timeout of a request of the rules to the kernel.
const askTime = 3 * time.Second

// AddRules evaluates the rules of package findings for every flow. If report is true, the sinks
// get the findings. Call it at most once, before Run.
func (r *Run) AddRules(thresholds findings.Thresholds, report bool) {
	r.Findings = findings.New(findings.Config{
		Table:       r.Loop.Table,
		Thresholds:  thresholds,
		Namespace:   filter.NetNS(r.cfg.Names),
		Counters:    r.races,
		TCPTimeouts: r.tcpTimeouts,
		Packets:     r.packets,
		Refresh:     r.Loop.Refresh,
		Command:     func(id monitor.NetNS, args ...string) string { return r.Place(id).Natlens(args...) },
	})
	r.Loop.Rules = r.Findings
	if !report {
		r.Loop.Rules = silent{r.Findings}
	}
	r.wantAll()
}

// silent is an engine whose findings go to no sink.
type silent struct{ *findings.Engine }

// Tick runs the engine and returns nothing.
func (s silent) Tick(now monitor.Time) []monitor.Finding {
	s.Engine.Tick(now)
	return nil
}

// races reads the kernel's counters.
func (r *Run) races() map[monitor.NetNS]map[string]uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	read, _ := r.Read(ctx)
	all := make(map[monitor.NetNS]map[string]uint64, len(read))
	for _, one := range read {
		all[one.ID] = one.Counters
	}
	return all
}

func (r *Run) tcpTimeouts(id monitor.NetNS) (t monitor.TCPTimeouts) {
	_ = r.In(id, func(fd int) error {
		t = probe.TCPTimeouts(fd)
		return nil
	})
	return t
}

// Reading returns what the table has about the packets of a flow; ok is false if the table does
// not contain the flow.
func (r *Run) Reading(id monitor.NetNS, orig monitor.Tuple) (_ monitor.Reading, ok bool) {
	orig.NetNS = id
	row, gen, _ := r.Loop.Table.Lookup(orig)
	f, _, ok := r.Loop.Table.Get(row, gen)
	return f.Flow.Reading(f.Known, f.Last), ok
}

// packets reads the counters of a flow from the kernel.
func (r *Run) packets(f *monitor.Flow) (orig, reply uint64, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	var b monitor.Batch
	err := r.service(f.Orig.NetNS, func(s *kernel.Service) error { return s.Get(ctx, f, &b) })
	if err != nil || len(b.Events) == 0 {
		return 0, 0, false
	}
	e := &b.Events[0]
	counted := e.Has.All(monitor.AttrCountersOrig | monitor.AttrCountersReply)
	return e.Flow.CountersOrig.Packets, e.Flow.CountersReply.Packets, counted
}

// meters has a meter for each namespace of a run.
type meters struct {
	mu   sync.Mutex
	byID map[monitor.NetNS]*probe.Meter
}

// Reading are the kernel's counters of one namespace of the run.
type Reading struct {
	ID monitor.NetNS
	probe.Reading
}

// Read reads the kernel's counters of every namespace. Ended namespaces are skipped; the error
// joins those of the others.
func (r *Run) Read(ctx context.Context) (all []Reading, err error) {
	r.meters.mu.Lock()
	defer r.meters.mu.Unlock()
	kept := map[monitor.NetNS]*probe.Meter{}
	for _, id := range r.IDs() {
		m := r.meters.byID[id]
		if m == nil {
			m = new(probe.Meter)
		}
		kept[id] = m
		failed := r.In(id, func(fd int) error {
			one, err := m.Read(ctx, fd)
			if err == nil {
				all = append(all, Reading{id, one})
			}
			return err
		})
		if !errors.Is(failed, netns.ErrGone) {
			err = errors.Join(err, failed)
		}
	}
	r.meters.byID = kept
	return all, err
}
