//go:build linux

package live

import (
	"context"

	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
)

// Quiet says why no event has come, and the command that changes that.
func (r *Run) Quiet(ctx context.Context) (reason, command string, err error) {
	if r.Several() {
		return "no flow began, changed or ended in any of the network namespaces",
			r.places.Here().Natlens("stats", "--netns", "all") + " shows which of them track connections", nil
	}
	var s *doctor.Snapshot
	err = r.In(0, func(fd int) (err error) {
		s, err = probe.Quiet(ctx, fd, r.Place(0))
		return err
	})
	if err != nil {
		return "", "", err
	}
	reason, command = doctor.Quiet(s)
	return reason, command, nil
}
