//go:build linux

package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// Get appends the flow to b as an event of KindExisting. It finds the flow by its original
// tuple and zone or, if that is empty, by its reply tuple. If no flow matches, it returns
// [ErrNoFlow]. The event's Raw and Extra are good until the next request.
func (s *Service) Get(ctx context.Context, f *monitor.Flow, b *monitor.Batch) error {
	s.lookUp(f)
	return flowError("get", s.talk(ctx, func(msg []byte) error {
		before := len(b.Events)
		if err := s.dec.Decode(msg, b); err != nil {
			return err
		}
		if len(b.Events) > before {
			e := &b.Events[before]
			e.Kind, e.Time, e.TimeSource = monitor.KindExisting, monitor.Now(), monitor.TimeReceived
		}
		return nil
	}, nil))
}

// lookUp begins a request for one flow.
func (s *Service) lookUp(f *monitor.Flow) {
	s.begin(ctnetlink.OpGet, ctnetlink.FlagAck, cmp.Or(f.Orig.Family, f.Reply.Family))
	if f.Orig.Family != 0 {
		s.req.Entry(f)
		return
	}
	s.req.Reply(&f.Reply)
	if f.Reply.Zone != 0 {
		s.req.Zone(f.Reply.Zone)
	}
}

// Target names a flow that is to be deleted: by its original tuple and zones,
// and, if it is not 0, by its id, so that a flow which was made again since is
// left alone.
type Target struct {
	Orig      monitor.Tuple
	ReplyZone uint16
	ID        uint32
}

// TargetOf returns the target of a flow, whose id is taken if it is known.
func TargetOf(f *monitor.Flow, known monitor.Attrs) Target {
	t := Target{Orig: f.Orig, ReplyZone: f.Reply.Zone}
	if known&monitor.AttrID != 0 {
		t.ID = f.ID
	}
	return t
}

// deleteBurst is how many deletions go to the kernel in one call. It answers each that
// fails with a message of 768 bytes of socket buffer at most: all of them fit.
const deleteBurst = 128

// Delete deletes flows, and returns how many it deleted and how many were gone already.
// It calls each, if not nil, with the index of each flow that was gone. On an error the
// numbers count what was done until then, and may leave out up to deleteBurst flows.
func (s *Service) Delete(ctx context.Context, targets []Target, each func(i int)) (deleted, gone int, err error) {
	for done := 0; done < len(targets); done += deleteBurst {
		d, m, err := s.deleteBurst(ctx, targets[done:min(done+deleteBurst, len(targets))], func(i int) {
			if each != nil {
				each(done + i)
			}
		})
		deleted, gone = deleted+d, gone+m
		if err != nil {
			return deleted, gone, flowError("delete", err)
		}
	}
	return deleted, gone, nil
}

// deleteBurst deletes up to deleteBurst flows. Only the last request asks for an
// acknowledgement; the others are answered if they fail.
func (s *Service) deleteBurst(
	ctx context.Context, targets []Target, gone func(i int),
) (deleted, missing int, err error) {
	s.req.Reset()
	for i := range targets {
		t := &targets[i]
		f := monitor.Flow{Orig: t.Orig}
		f.Reply.Zone = t.ReplyZone
		flags := uint16(0)
		if i == len(targets)-1 {
			flags = ctnetlink.FlagAck
		}
		s.req.Begin(ctnetlink.OpDelete, flags, t.Orig.Family)
		s.req.Entry(&f)
		if t.ID != 0 {
			s.req.ID(t.ID)
		}
	}
	var worst error
	note := func(seq uint32, err error) {
		if errors.Is(err, unix.ENOENT) {
			missing++
			gone(int(seq - s.req.First))
		} else {
			worst = err
		}
	}
	last := s.talk(ctx, nil, note)
	if last != nil {
		note(s.req.Last, last)
	}
	if worst != nil {
		return 0, missing, worst
	}
	return len(targets) - missing, missing, nil
}

// Flush deletes every flow.
func (s *Service) Flush(ctx context.Context) error {
	return flowError("flush", s.library(ctx, (*conntrack.Conn).Flush))
}

// Change is what is written into a flow's entry. What is nil is left alone, or
// in a new entry left out.
type Change struct {
	Timeout *uint32         // seconds; a new entry needs it
	Status  *monitor.Status // bits can be set, not cleared; Confirmed is added, Expected must be as it is
	Mark    *uint32
	TCP     *TCPChange
	SCTP    *SCTPChange
	DCCP    *DCCPChange
	Labels  []byte // 16 bytes, bit n in byte n/8
	Mask    []byte // which labels change; nil: all
	Helper  string // only for a new entry
	SrcNAT  NATRange
	DstNAT  NATRange
}

// TCPChange is the state of a TCP connection, and the tracker's flags.
type TCPChange struct {
	State monitor.State
	monitor.TCPInfo
}

// SCTPChange is the state of an SCTP association, and its verification tags.
type SCTPChange struct {
	State       monitor.State
	Orig, Reply uint32
}

// DCCPChange is the state of a DCCP connection, and the role of its original source:
// 0 for client, 1 for server.
type DCCPChange struct {
	State monitor.State
	Role  uint8
}

// NATRange is the address, and perhaps port, that a side of a new entry is
// rewritten to. The zero value rewrites nothing.
type NATRange = ctnetlink.NATRange

// Create makes an entry with both tuples of f; [ErrExists] if there is one with
// its original tuple.
func (s *Service) Create(ctx context.Context, f *monitor.Flow, c *Change) error {
	s.begin(ctnetlink.OpNew, ctnetlink.FlagAck|ctnetlink.FlagCreate|ctnetlink.FlagExcl, f.Orig.Family)
	s.req.Tuples(f)
	s.change(c)
	return flowError("create", changeError(s.talk(ctx, nil, nil), c))
}

// Update changes the entry of f, found by its original tuple and zone;
// if the kernel has no such entry, it returns [ErrNoFlow].
func (s *Service) Update(ctx context.Context, f *monitor.Flow, c *Change) error {
	s.begin(ctnetlink.OpNew, ctnetlink.FlagAck, f.Orig.Family)
	s.req.Entry(f)
	s.change(c)
	return flowError("update", changeError(s.talk(ctx, nil, nil), c))
}

// changeError adds the reason to errors of the kernel that mean something else here
// (ctnetlink_change_status, nf_connlabels_replace).
func changeError(err error, c *Change) error {
	switch {
	case errors.Is(err, unix.EBUSY) && c.Status != nil:
		return fmt.Errorf("the kernel alone sets expected and dying, and takes seen_reply and assured from no flow: %w",
			err)
	case errors.Is(err, unix.ENOSPC) && c.Labels != nil:
		return fmt.Errorf("the flow has no room for labels: only flows that began while a rule here used labels "+
			"have it: %w", err)
	}
	return err
}

func (s *Service) change(c *Change) {
	r := &s.req
	if c.Timeout != nil {
		r.Timeout(*c.Timeout)
	}
	if c.Status != nil {
		r.Status(*c.Status | monitor.Confirmed)
	}
	if c.Mark != nil {
		r.Mark(*c.Mark)
	}
	if c.TCP != nil {
		r.TCP(c.TCP.State, c.TCP.TCPInfo)
	}
	if c.SCTP != nil {
		r.SCTP(c.SCTP.State, c.SCTP.Orig, c.SCTP.Reply)
	}
	if c.DCCP != nil {
		r.DCCP(c.DCCP.State, c.DCCP.Role)
	}
	if c.Labels != nil {
		r.Labels(c.Labels, c.Mask)
	}
	if c.Helper != "" {
		r.Helper(c.Helper)
	}
	r.NAT(c.SrcNAT, c.DstNAT)
}
