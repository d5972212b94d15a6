//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/netns"
)

// moved sums the counters of the CPUs. They have 32 bits and begin again at 0.
func moved(before, after []ctnetlink.CPUStats) map[string]doctor.Moved {
	sums := map[string]doctor.Moved{}
	for i := range after {
		old := statsOfCPU(before, after[i].CPU)
		after[i].Each(func(k ctnetlink.Counter, n uint32) {
			m := sums[k.String()]
			m.Total += uint64(n)
			m.Moved += uint64(n - old.Get(k))
			sums[k.String()] = m
		})
	}
	return sums
}

// statsOfCPU are the counters of a CPU, all 0 where it had none: one may come or go.
func statsOfCPU(all []ctnetlink.CPUStats, cpu uint16) (of ctnetlink.CPUStats) {
	for i := range all {
		if all[i].CPU == cpu {
			of = all[i]
		}
	}
	return of
}

// readSettings reads the sysctls. A kernel without conntrack has none.
func readSettings(s *doctor.Snapshot, netns int) error {
	all, err := kernel.Sysctls(netns)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.Sysctls = map[string]uint64{}
	for _, one := range all {
		s.Sysctls[strings.TrimPrefix(one.Name, "net.netfilter.nf_conntrack_")] = one.Value
	}
	// Of the whole host, and in some namespaces not to be seen.
	if text, err := kernel.ReadSysctl(0, "net.core.rmem_max"); err == nil {
		s.RMemMax, _ = strconv.ParseUint(text, 10, 64)
	}
	return nil
}

func readTracking(s *doctor.Snapshot, netns int) {
	t, err := kernel.ReadTracking(netns)
	if err != nil {
		s.Tracking.Unread = err.Error()
		return
	}
	s.Tracking = doctor.Tracking{IPv4: t.IPv4, IPv6: t.IPv6, Count: t.Count, Legacy: t.Legacy}
	for _, by := range t.By {
		s.Tracking.By = append(s.Tracking.By, monitor.Escape(by.String()))
	}
}

// placeOfFD is placeOf for a namespace of which only its file is known (0: here).
func placeOfFD(fd int) doctor.Place {
	if fd == 0 {
		return placeOf("")
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	link, err := os.Readlink(path)
	if name, ok := strings.CutPrefix(link, cli.NetnsDir+"/"); err == nil && ok {
		return placeOf(name)
	}
	// Led to by a process it may have a name all the same.
	var finder netns.Finder
	if finder.ScanMounts() == nil {
		for _, n := range finder.Found() {
			if name, ok := strings.CutPrefix(n.Path, cli.NetnsDir+"/"); ok && link == fmt.Sprintf("net:[%d]", n.Inode) {
				return placeOf(name)
			}
		}
	}
	return placeOf(path) // as long as this process lives
}

// placeOf says how a command gets to where --netns leads.
func placeOf(netns string) doctor.Place {
	// Root of the lab's own user namespace is nobody outside of it, where commands are typed.
	p := doctor.Place{Sudo: os.Geteuid() != 0 || lab.Entered(), NetNS: netns}
	p.Host = !p.Sudo && unix.Access("/proc/sys/net/netfilter/nf_conntrack_max", unix.W_OK) == nil
	switch _, err := strconv.ParseUint(netns, 10, 31); {
	case netns == "":
		return p
	case strings.Contains(netns, "/"):
		p.Prefix = cli.ShellLine([]string{"nsenter", "--net=" + netns}) + " "
	case err == nil:
		p.Prefix = "nsenter --net=/proc/" + netns + "/ns/net "
	default:
		p.Prefix = cli.ShellLine([]string{"ip", "netns", "exec", netns}) + " "
	}
	p.NetNS = cli.ShellLine([]string{netns})
	return p
}
