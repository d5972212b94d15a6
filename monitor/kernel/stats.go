//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// ExpectStats are the kernel's counters of expectations of one CPU.
type ExpectStats = conntrack.StatsExpect

// ExpectStats returns the counters of each CPU.
func (s *Service) ExpectStats(ctx context.Context) (all []ExpectStats, err error) {
	err = s.library(ctx, func(c *conntrack.Conn) error { all, err = c.StatsExpect(); return err })
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

// SysctlPrefix begins the names of the settings of connection tracking.
const SysctlPrefix = "net.netfilter.nf_conntrack_"

// Sysctls returns the settings of connection tracking in a network namespace, by its file descriptor (0: the
// caller's): all that are numbers, by what follows SysctlPrefix. Which there are depends on the kernel.
func Sysctls(ns int) (map[string]uint64, error) {
	all := map[string]uint64{}
	err := netns.Do(ns, func() error {
		dir := filepath.Dir(sysctlFile(SysctlPrefix))
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			name, ok := strings.CutPrefix(f.Name(), "nf_conntrack_")
			if !ok {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
				continue // of the initial namespace only
			}
			if err != nil {
				return err
			}
			if v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				all[name] = v
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sysctls of connection tracking: %w", err)
	}
	return all, nil
}
