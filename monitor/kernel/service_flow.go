//go:build linux

package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// Get appends the flow to b as an event of KindExisting. It looks it up by its original tuple
// and zone or, if that tuple is empty, by its reply tuple. If the table does not contain it, it
// returns [ErrNoFlow]. The event's Raw and Extra are valid until the next request.
func (s *Service) Get(ctx context.Context, f *monitor.Flow, b *monitor.Batch) error {
	s.begin(ctnetlink.OpGet, ctnetlink.FlagAck, cmp.Or(f.Orig.Family, f.Reply.Family))
	s.req.Entry(f)
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

// Target identifies a flow to delete: by its original tuple, its zones and its id. With the id,
// a newer flow with the same tuple is not deleted. The id 0 is not compared.
type Target struct {
	Orig      monitor.Tuple
	ReplyZone uint16
	ID        uint32
}

// TargetOf returns the target of a flow, with its id if it is known.
func TargetOf(f *monitor.Flow, known monitor.Attrs) Target {
	t := Target{Orig: f.Orig, ReplyZone: f.Reply.Zone}
	if known&monitor.AttrID != 0 {
		t.ID = f.ID
	}
	return t
}

// deleteBurst is how many deletions are sent in one call. The kernel answers each failed one
// with a message that takes at most 768 bytes of socket buffer, so all answers fit.
const deleteBurst = 128

// Delete deletes flows, and returns how many it deleted and how many had ended already. If each
// is not nil, it is called with the index of each flow that had ended. On an error the numbers
// may be up to deleteBurst too low.
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
	s.begin(ctnetlink.OpDelete, ctnetlink.FlagAck, 0)
	return flowError("flush", s.talk(ctx, nil, nil))
}

// Change is what to change in a flow's entry, ProtoInfo the new state, and NATRange the address
// to which a side is rewritten.
type (
	Change    = ctnetlink.Change
	ProtoInfo = ctnetlink.ProtoInfo
	NATRange  = ctnetlink.NATRange
)

// Create makes an entry with both tuples of f. It returns [ErrExists] if there is one with its
// original tuple.
func (s *Service) Create(ctx context.Context, f *monitor.Flow, c *Change) error {
	s.begin(ctnetlink.OpNew, ctnetlink.FlagAck|ctnetlink.FlagCreate|ctnetlink.FlagExcl, f.Orig.Family)
	s.req.Tuples(f)
	s.req.Change(c)
	return flowError("create", changeError(s.talk(ctx, nil, nil), c))
}

// Update changes the entry of f, found by its original tuple and zone;
// if the kernel has no such entry, it returns [ErrNoFlow].
func (s *Service) Update(ctx context.Context, f *monitor.Flow, c *Change) error {
	s.begin(ctnetlink.OpNew, ctnetlink.FlagAck, f.Orig.Family)
	s.req.Entry(f)
	s.req.Change(c)
	return flowError("update", changeError(s.talk(ctx, nil, nil), c))
}

// changeError adds the reason to errors of the kernel that have a special meaning here
// (ctnetlink_change_status, nf_connlabels_replace).
func changeError(err error, c *Change) error {
	switch {
	case errors.Is(err, unix.EBUSY) && c.Status != nil:
		return fmt.Errorf("only the kernel sets expected and dying, and seen_reply and assured cannot be cleared: %w",
			err)
	case errors.Is(err, unix.ENOSPC) && c.Labels != nil:
		return fmt.Errorf("the flow cannot have labels: only flows that began while a rule used labels "+
			"have it: %w", err)
	}
	return err
}
