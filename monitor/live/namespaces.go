//go:build linux

package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

// openCapture starts to capture.
func openCapture(cfg *Config, t *table.Table) (*capture.Capture, error) {
	cfg.Capture.Dump = kernel.Dump
	if cfg.Names == nil {
		return capture.Open(cfg.Capture)
	}
	refused := cfg.Refused
	if refused == nil {
		refused = func(error) {}
	}
	cfg.Capture.All = &capture.All{
		Names: cfg.Names, Locals: t.SetLocalsOf,
		Refused: func(_ string, err error) { refused(err) },
	}
	c, err := capture.Open(cfg.Capture)
	if err != nil {
		return nil, err
	}
	if n := c.Unseen(); n > 0 {
		refused(netns.UnseenError(n))
	}
	return c, nil
}

// Several reports whether the run watches all network namespaces.
func (r *Run) Several() bool { return r.cfg.Names != nil }

// Names returns the names of the namespaces of a run of several; nil for one.
func (r *Run) Names() *monitor.Namespaces { return r.cfg.Names }

// NetNS returns the descriptor of the single namespace, which is open until Close; 0: the caller's.
func (r *Run) NetNS() int { return r.cfg.Capture.NetNS }

// IDs returns the numbers of the namespaces that are captured now, ordered by name. A single
// namespace has the number 0.
func (r *Run) IDs() []monitor.NetNS {
	ids := r.Capture.IDs()
	slices.SortFunc(ids, func(a, b monitor.NetNS) int {
		return cmp.Or(cmp.Compare(r.Name(a), r.Name(b)), cmp.Compare(a, b))
	})
	return ids
}

// Name returns the name of a namespace, "" for the number 0.
func (r *Run) Name(id monitor.NetNS) string { return r.cfg.Names.Name(id) }

// Place returns how a command reaches a namespace.
func (r *Run) Place(id monitor.NetNS) doctor.Place {
	switch {
	case !r.Several() && r.cfg.Capture.NetNS == 0:
		return r.places.Here()
	case !r.Several() && r.cfg.Which != "":
		return r.places.At(r.cfg.Which)
	}
	return r.places.Of(r.namespace(id))
}

// namespace returns the name and inode of a namespace.
func (r *Run) namespace(id monitor.NetNS) monitor.Namespace {
	if r.Several() {
		return r.cfg.Names.Get(id)
	}
	fd := r.cfg.Capture.NetNS
	n, err := netns.Identify(fd)
	if err != nil {
		n.Name = fmt.Sprintf("/proc/self/fd/%d", fd)
	}
	return n
}

// In calls f with the descriptor of a namespace (0: the caller's). If it has ended, the error
// is netns.ErrGone.
func (r *Run) In(id monitor.NetNS, f func(fd int) error) error {
	ok, err := r.Capture.With(id, f)
	if !ok {
		return netns.ErrGone
	}
	return err
}

// service calls f with a kernel.Service of a namespace.
func (r *Run) service(id monitor.NetNS, f func(*kernel.Service) error) error {
	var s *kernel.Service
	err := r.In(id, func(fd int) (err error) {
		s, err = kernel.OpenService(fd)
		return err
	})
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// MaxFlows returns nf_conntrack_max of a namespace; 0 if it cannot be read.
func (r *Run) MaxFlows(id monitor.NetNS) int {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	var fill ctnetlink.GlobalStats
	err := r.service(id, func(s *kernel.Service) (err error) {
		fill, err = s.Fill(ctx)
		return err
	})
	if err != nil {
		return 0
	}
	return int(fill.Max)
}

// followLocals sets the addresses of a single namespace in the table and the sinks, now and
// after each change, until stop is called. A capture of all namespaces sets them itself.
func (r *Run) followLocals() (stop func(), err error) {
	if r.Several() {
		return func() {}, nil
	}
	return netns.FollowLocals(r.cfg.Capture.NetNS, r.SetLocals)
}
