//go:build linux

package cli

import (
	"errors"
	"os"

	"natlens/monitor/kernel"
)

// WithService calls f with the kernel's service of a network namespace, by the
// value of --netns.
func WithService(which string, f func(s *kernel.Service, netns *os.File) error) error {
	netns, err := OpenNetNS(which)
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	s, err := kernel.OpenService(NetnsFD(netns))
	if err != nil {
		return err
	}
	return errors.Join(f(s, netns), s.Close())
}
