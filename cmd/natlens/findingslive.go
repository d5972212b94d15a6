//go:build linux

package main

import (
	"context"
	"strings"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/doctor"
	"natlens/monitor/findings"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
)

// establishedSysctl says how long an ESTABLISHED flow lives without packets.
const establishedSysctl = "net.netfilter.nf_conntrack_tcp_timeout_established"

// lookForFindings has m look for findings in what it carries, for a network
// namespace (0: the caller's) that commands get to as place says. It is for before
// m runs. stop is for after it.
func lookForFindings(m *loop.Loop, thresholds findings.Thresholds, netns int, place doctor.Place) (e *findings.Engine, stop func(), err error) {
	service, err := kernel.OpenService(netns)
	if err != nil {
		return nil, nil, err
	}
	e = findings.New(findings.Config{
		Table:      m.Table,
		Thresholds: thresholds,
		Counters: func() (map[monitor.NetNS]findings.Counters, error) {
			c, err := readRaces(service)
			return map[monitor.NetNS]findings.Counters{0: c}, err
		},
		EstablishedTimeout: func(monitor.NetNS) time.Duration { return sysctlSeconds(netns, establishedSysctl) },
		Packets:            func(f *monitor.Flow) (orig, reply uint64, ok bool) { return readPackets(service, f) },
		Refresh:            m.Refresh,
		Command:            func(_ monitor.NetNS, args ...string) string { return placedCommand(place, args) },
	})
	m.Rules = e
	m.Resync.Every = silentEvery
	return e, func() { _ = service.Close() }, nil
}

// readRaces sums what the CPUs could not insert, and what they made one of.
func readRaces(service *kernel.Service) (c findings.Counters, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTime)
	defer cancel()
	cpus, err := service.CPUStats(ctx)
	for i := range cpus {
		c.InsertFailed += uint64(cpus[i].Get(ctnetlink.InsertFailed))
		c.ClashResolve += uint64(cpus[i].Get(ctnetlink.ClashResolve))
	}
	return c, err
}

// readPackets asks for the counters of a flow.
func readPackets(service *kernel.Service, f *monitor.Flow) (orig, reply uint64, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTime)
	defer cancel()
	var b monitor.Batch
	if err := service.Get(ctx, f, &b); err != nil || len(b.Events) == 0 {
		return 0, 0, false
	}
	e := &b.Events[0]
	return e.Flow.CountersOrig.Packets, e.Flow.CountersReply.Packets, e.Has.All(monitor.AttrCountersOrig | monitor.AttrCountersReply)
}

// sysctlSeconds reads a time, 0 where it can't be had.
func sysctlSeconds(netns int, name string) time.Duration {
	text, err := kernel.ReadSysctl(netns, name)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(text) + "s")
	if err != nil {
		return 0
	}
	return d
}

// placedCommand writes a command of natlens as it has to be typed where the
// program runs.
func placedCommand(place doctor.Place, args []string) string {
	line := "natlens " + args[0]
	if place.NetNS != "" {
		line += " --netns " + place.NetNS // written for a shell already
	}
	if place.Sudo {
		line = "sudo " + line
	}
	return line + " " + cli.ShellLine(args[1:])
}

// tellFindings has the stream tell of findings. They are of every flow: those that
// are in the kernel's table already come into this one, though only --existing
// shows them.
func (s *stream) tellFindings(m *loop.Loop, netns int) (stop func(), err error) {
	if !s.findings.on {
		return func() {}, nil
	}
	noteFindings(m, s.con, s.out.Sink, s.quiet)
	s.takeExisting(m)
	_, stop, err = lookForFindings(m, s.findings.thresholds.Values, netns, placeOfFD(netns))
	return stop, err
}
