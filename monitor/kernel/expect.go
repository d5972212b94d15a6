//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// Expects calls each with every expectation of the network namespace, of one family or (0) of
// all. An error of each ends it and is returned.
func (s *Service) Expects(ctx context.Context, family monitor.Family, each func(*monitor.Expect) error) error {
	s.begin(ctnetlink.OpExpectGet, ctnetlink.FlagDump, family)
	return flowError("list expectations", s.talk(ctx, s.expects(each), nil))
}

// GetExpect calls each with the expectation that a packet with the given tuple would match. If
// no expectation exists, it returns [ErrNoExpect].
func (s *Service) GetExpect(ctx context.Context, t *monitor.Tuple, each func(*monitor.Expect) error) error {
	s.begin(ctnetlink.OpExpectGet, ctnetlink.FlagAck, t.Family)
	s.req.ExpectTuple(t)
	return named("get expectation", ErrNoExpect, s.talk(ctx, s.expects(each), nil))
}

func (s *Service) expects(each func(*monitor.Expect) error) func([]byte) error {
	return func(msg []byte) error {
		x, err := s.dec.DecodeExpect(msg)
		if err != nil {
			return err
		}
		x.Kind, x.Time, x.TimeSource = monitor.KindExisting, monitor.Now(), monitor.TimeReceived
		return each(&x)
	}
}

// DeleteExpect deletes the expectation that a packet with the given tuple would match. If no
// expectation exists, it returns [ErrNoExpect].
func (s *Service) DeleteExpect(ctx context.Context, t *monitor.Tuple) error {
	s.begin(ctnetlink.OpExpectDelete, ctnetlink.FlagAck, t.Family)
	s.req.ExpectTuple(t)
	return named("delete expectation", ErrNoExpect, s.talk(ctx, nil, nil))
}

// FlushExpects deletes every expectation.
func (s *Service) FlushExpects(ctx context.Context) error {
	s.begin(ctnetlink.OpExpectDelete, ctnetlink.FlagAck, 0)
	return flowError("flush expectations", s.talk(ctx, nil, nil))
}

// CreateExpect makes an expectation. Its master must be a flow in the table with a helper.
func (s *Service) CreateExpect(ctx context.Context, x *monitor.Expect) error {
	s.begin(ctnetlink.OpExpectNew, ctnetlink.FlagAck|ctnetlink.FlagCreate|ctnetlink.FlagExcl, x.Tuple.Family)
	s.req.Expect(x)
	err := s.talk(ctx, nil, nil)
	switch {
	case errors.Is(err, unix.ENOENT):
		err = fmt.Errorf("its master: %w", ErrNoFlow)
	case errors.Is(err, unix.EEXIST):
		err = errors.New("the expectation exists already")
	case errors.Is(err, unix.EOPNOTSUPP):
		err = fmt.Errorf("its master has no helper: %w", err)
	}
	return flowError("create expectation", err)
}
