//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
	"natlens/tui"
)

// runEvery shows the UI on the events of all network namespaces. What is of one
// namespace, as the Health page with its counters and settings is, it has not.
func (c *liveUI) runEvery(ctx context.Context, con cli.Console) (err error) {
	if err := c.Check(con); err != nil {
		return err
	}
	if c.metrics.Address != "" {
		return cli.Usagef("--metrics is of one network namespace: not together with --netns all")
	}
	kept, err := c.history.Beside()
	if err != nil {
		return err
	}
	open, _, err := c.capture.Config(capture.Kinds{})
	if err != nil {
		return err
	}
	namespaces := new(monitor.Namespaces)
	table := table.New(table.Config{Linger: uiLinger, Life: true})
	var leftOut atomic.Int32
	capture, err := capture.OpenEvery(capture.EveryConfig{
		Config: open, Names: namespaces, Locals: table.SetLocalsOf,
		Refused: func(string, error) { leftOut.Add(1) },
	})
	if err != nil {
		return err
	}
	defer capture.Close()
	scope := "all"
	if n := leftOut.Load(); n > 0 {
		scope = fmt.Sprintf("all but %d", n) // for want of privilege
	}
	tail := tui.NewTail()
	m := &loop.Loop{
		Source: capture, Table: table, Sinks: []monitor.Sink{tail},
		Resync:   loop.Resync{AfterLoss: true, Every: silentEvery},
		Existing: loop.ExistingBeside,
	}
	kept.Names = namespaces
	stopHistory, err := c.keepHistory(con, kept, m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopHistory()) }()
	if kept.Dir != "" { // no table answers for all namespaces
		c.who = &uiWho{con: con, dir: kept.Dir}
	}
	cfg := c.Config(con, m, tail)
	cfg.Env.Namespaces, cfg.Exporter = namespaces, fileExporter{namespaces}
	cfg.Enter = func(id monitor.NetNS) string { return enterNamespace(namespaces.Get(id)) }
	cfg.Info = tui.Info{Host: hostName(), Namespace: scope, Capture: capture.Way().String()}
	service := everyService{capture}
	cfg.Deleter, cfg.Refresher = service, service
	return tui.Run(ctx, cfg)
}

// enterNamespace is what takes a command to a namespace that was found: its name, or
// a process that lives in it.
func enterNamespace(n monitor.Namespace) string {
	if n.Name == netns.OwnName {
		return placeOf("").Enter()
	}
	if _, err := os.Stat(filepath.Join(cli.NetnsDir, n.Name)); err == nil || filepath.IsAbs(n.Name) {
		return placeOf(n.Name).Enter()
	}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net") // the pattern is well formed
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == fmt.Sprintf("net:[%d]", n.Inode) {
			return placeOf(strings.Split(link, "/")[2]).Enter()
		}
	}
	return placeOf(n.Name).Enter() // it is gone: better a command that fails than one for here
}

// everyService is flowService for the flows of all network namespaces: each is
// asked of in its own.
type everyService struct{ every *capture.Every }

// in calls f with the service of a namespace. One that is gone has no flows.
func (s everyService) in(id monitor.NetNS, f func(*flowService) error) error {
	var service *flowService
	ok, err := s.every.With(id, func(netns int) (err error) {
		service, err = newFlowService(netns)
		return err
	})
	switch {
	case err != nil:
		return err
	case !ok:
		return kernel.ErrNoFlow
	}
	return errors.Join(f(service), service.Close())
}

// Delete takes a flow out of its namespace's table.
func (s everyService) Delete(ctx context.Context, flow *monitor.Flow, known monitor.Attrs) error {
	return s.in(flow.Orig.NetNS, func(f *flowService) error { return f.Delete(ctx, flow, known) })
}

// Get reads single flows as they stand now.
func (s everyService) Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error {
	of := map[monitor.NetNS][]monitor.Tuple{}
	for _, t := range orig {
		of[t.NetNS] = append(of[t.NetNS], t)
	}
	for id, tuples := range of {
		err := s.in(id, func(f *flowService) error {
			return f.Get(ctx, tuples, func(e *monitor.Event) {
				e.SetNetNS(id)
				got(e)
			})
		})
		if err != nil && !errors.Is(err, kernel.ErrNoFlow) {
			return err
		}
	}
	return nil
}

// Dump reads the tables of all namespaces.
func (s everyService) Dump(ctx context.Context, got func(*monitor.Event)) error {
	dump, err := s.every.Dump(ctx)
	if err != nil {
		return err
	}
	defer dump.Close()
	return monitor.Each(ctx, dump, got)
}
