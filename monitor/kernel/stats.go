//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// CPUStats returns the kernel's counters of each CPU, in the kernel's order. They belong to one
// network namespace and are never reset.
func (s *Service) CPUStats(ctx context.Context) ([]ctnetlink.CPUStats, error) {
	return s.perCPU(ctx, ctnetlink.OpStatsCPU, ctnetlink.CounterNames)
}

// ExpectStats is CPUStats for the counters of expectations.
func (s *Service) ExpectStats(ctx context.Context) ([]ctnetlink.CPUStats, error) {
	return s.perCPU(ctx, ctnetlink.OpExpectStatsCPU, ctnetlink.ExpectCounterNames)
}

func (s *Service) perCPU(ctx context.Context, op ctnetlink.Op, names []string) (all []ctnetlink.CPUStats, err error) {
	s.begin(op, ctnetlink.FlagDump, 0)
	err = s.talk(ctx, func(msg []byte) error {
		one, err := ctnetlink.DecodeCPUStats(msg, names)
		all = append(all, one)
		return err
	}, nil)
	return all, flowError("statistics", err)
}

// Fill returns how many entries the table has and its maximum.
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

// SysctlPrefix is the beginning of the names of conntrack's settings.
const SysctlPrefix = "net.netfilter.nf_conntrack_"

// Sysctls returns the settings of connection tracking in a network namespace (0: the caller's), by
// their names without SysctlPrefix: all that are numbers. Which settings exist depends on the kernel.
func Sysctls(ns int) (map[string]uint64, error) {
	all := map[string]uint64{}
	err := netns.Do(ns, func() error {
		prefix := netns.SysctlFile(SysctlPrefix)
		files, err := filepath.Glob(prefix + "*")
		for _, f := range files {
			text, _ := os.ReadFile(f) // some can be read in the initial namespace only
			if v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				all[strings.TrimPrefix(f, prefix)] = v
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sysctls of connection tracking: %w", err)
	}
	return all, nil
}
