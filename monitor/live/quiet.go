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
		return "no flow began, changed or ended in any of the network namespaces; " +
				"this shows which of them track connections",
			r.places.Here().Natlens("stats", "--netns", "all"), nil
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

// Uncounted says that the kernel counts no packets and bytes of flows that begin now,
// in which namespaces, and the command that changes that; "" if it counts them.
func (r *Run) Uncounted() (reason, command string) {
	var in []string
	for _, id := range r.IDs() {
		s := new(doctor.Snapshot)
		// What can't be read is no news here: doctor says so.
		if r.In(id, func(fd int) error { return probe.Settings(s, fd) }) != nil {
			continue
		}
		if why, _ := doctor.Uncounted(s); why == "" {
			continue
		}
		if reason == "" {
			s.Place = r.Place(id)
			reason, command = doctor.Uncounted(s)
		}
		if name := r.Name(id); name != "" {
			in = append(in, name)
		}
	}
	return doctor.InNamespaces(in, reason), command
}
