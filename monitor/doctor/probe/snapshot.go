//go:build linux

package probe

import (
	"context"
	"errors"
	"io/fs"
	"strconv"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
)

// Settings reads the sysctls into the snapshot. A kernel without connection tracking has none,
// which is not an error.
func Settings(s *doctor.Snapshot, netns int) error {
	var err error
	if s.Sysctls, err = kernel.Sysctls(netns); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// rmem_max belongs to the host; some namespaces do not have it.
	if text, err := kernel.ReadSysctl(0, "net.core.rmem_max"); err == nil {
		s.RMemMax, _ = strconv.ParseUint(text, 10, 64)
	}
	return nil
}

// Tracking reads which rules turn connection tracking on. If they can't be read,
// Unread says why.
func Tracking(netns int) doctor.Tracking {
	t, err := kernel.ReadTracking(netns)
	if err != nil {
		return doctor.Tracking{Unread: err.Error()}
	}
	all := doctor.Tracking{IPv4: t.IPv4, IPv6: t.IPv6, Count: t.Count, Legacy: t.Legacy}
	for _, by := range t.By {
		all.By = append(all.By, monitor.Escape(by))
	}
	return all
}

// Quiet reads what [doctor.Quiet] needs.
func Quiet(ctx context.Context, netns int, place doctor.Place) (*doctor.Snapshot, error) {
	s := &doctor.Snapshot{Place: place, Tracking: Tracking(netns)}
	err := Settings(s, netns)
	service, serr := kernel.OpenService(netns)
	if serr == nil {
		fill, ferr := service.Fill(ctx)
		s.Fill.End = uint64(fill.Entries)
		serr = errors.Join(ferr, service.Close())
	}
	return s, errors.Join(err, serr)
}
