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

// ErrNoSysctl means that the kernel does not have this setting, or only in the initial network
// namespace.
var ErrNoSysctl = errors.New("no such setting here")

// ReadSysctl returns the value of a setting in a network namespace (0: the caller's), by its
// sysctl(8) name.
func ReadSysctl(ns int, name string) (value string, err error) {
	err = netns.Do(ns, func() error {
		text, err := os.ReadFile(sysctlFile(name))
		value = strings.TrimSpace(string(text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, sysctlError(err))
	}
	return value, nil
}

// WriteSysctl sets a setting of a network namespace (0: the caller's).
func WriteSysctl(ns int, name, value string) error {
	err := netns.Do(ns, func() error {
		f, err := os.OpenFile(sysctlFile(name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(value)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", name, value, sysctlError(err))
	}
	return nil
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// sysctlError removes the path, because the name says the same.
func sysctlError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSysctl
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// CPUStats returns the kernel's counters of each CPU, in the kernel's order. They belong to one
// network namespace and are never reset.
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

// Sysctls returns the numeric settings of connection tracking in a network namespace, by the
// part of the name after SysctlPrefix. ns is a file descriptor (0: the caller's namespace).
// Which settings exist depends on the kernel.
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
				continue // exists only in the initial namespace
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
