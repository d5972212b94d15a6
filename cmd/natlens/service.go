//go:build linux

package main

import (
	"errors"
	"os"

	"natlens/monitor/kernel"
)

// withService calls f with the kernel's service of a network namespace, by the
// value of --netns.
func withService(which string, f func(s *kernel.Service, netns *os.File) error) error {
	netns, err := openNetNS(which)
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	s, err := kernel.OpenService(netnsFD(netns))
	if err != nil {
		return err
	}
	return errors.Join(f(s, netns), s.Close())
}
