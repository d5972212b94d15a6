//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/ti-mo/conntrack"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// CPUStats returns the kernel's counters of each CPU, in the kernel's order. They count
// in one network namespace and are never reset.
func (s *Service) CPUStats(ctx context.Context) (all []ctnetlink.CPUStats, err error) {
	s.begin(ctnetlink.OpStatsCPU, ctnetlink.FlagDump, 0)
	err = s.talk(ctx, func(msg []byte) error {
		one, err := ctnetlink.DecodeCPUStats(msg)
		all = append(all, one)
		return err
	}, nil)
	return all, flowError("statistics", err)
}

// ExpectStats are the counters of expectations of one CPU.
type ExpectStats struct {
	CPU                 uint16
	New, Create, Delete uint32
}

// ExpectStats returns the kernel's counters of expectations of each CPU.
func (s *Service) ExpectStats(ctx context.Context) (all []ExpectStats, err error) {
	err = s.library(ctx, func(c *conntrack.Conn) error {
		stats, err := c.StatsExpect()
		for _, one := range stats {
			all = append(all, ExpectStats{CPU: one.CPUID, New: one.New, Create: one.Create, Delete: one.Delete})
		}
		return err
	})
	return all, flowError("statistics", err)
}

// Fill returns how many entries the table has, and may have.
func (s *Service) Fill(ctx context.Context) (fill ctnetlink.GlobalStats, err error) {
	answered := false
	s.begin(ctnetlink.OpStats, ctnetlink.FlagAck, 0)
	err = s.talk(ctx, func(msg []byte) (err error) {
		answered = true
		fill, err = ctnetlink.DecodeGlobalStats(msg)
		return err
	}, nil)
	if err == nil && !answered {
		err = errors.New("no answer")
	}
	return fill, flowError("statistics", err)
}

// Sysctl is a setting of connection tracking, by the name that sysctl(8) gives
// it.
type Sysctl struct {
	Name  string
	Value uint64
}

// sysctlDir has the settings of connection tracking.
const sysctlDir = "/proc/sys/net/netfilter/"

// Sysctls returns the settings of connection tracking in a network namespace, by
// its file descriptor (0: the caller's), sorted by name: all that are numbers.
// Which there are depends on the kernel.
func Sysctls(ns int) (all []Sysctl, err error) {
	err = netns.Do(ns, func() error {
		files, err := os.ReadDir(sysctlDir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name(), "nf_conntrack_") {
				continue
			}
			text, err := os.ReadFile(sysctlDir + f.Name())
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
				continue // of the initial namespace only
			}
			if err != nil {
				return err
			}
			if v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				all = append(all, Sysctl{"net.netfilter." + f.Name(), v})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sysctls of connection tracking: %w", err)
	}
	return all, nil
}
