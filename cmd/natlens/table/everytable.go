//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"io"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// everyTable is the flows of all network namespaces: their tables one after the
// other, in the order of their names.
type everyTable struct {
	cfg     kernel.DumpConfig
	names   *monitor.Namespaces
	left    []netns.Found
	read    int         // namespaces that could be read
	refused func(error) // hears of one that can't be
	last    error

	id   monitor.NetNS
	dump monitor.Source // of id; nil: the next is to be opened
}

// openEveryTable finds the namespaces. cfg.NetNS is not used.
func openEveryTable(cfg kernel.DumpConfig, names *monitor.Namespaces, refused func(error)) (*everyTable, error) {
	var f netns.Finder
	if err := f.Scan(); err != nil {
		return nil, err
	}
	if f.Unseen > 0 {
		refused(errors.New(cli.UnseenText(f.Unseen)))
	}
	return &everyTable{cfg: cfg, names: names, left: f.Found(), refused: refused}, nil
}

// Next reads one part of a table.
func (t *everyTable) Next(ctx context.Context, b *monitor.Batch) error {
	for len(b.Events) == 0 {
		if t.dump == nil {
			if err := t.Open(ctx); err != nil {
				return err
			}
			continue
		}
		err := t.dump.Next(ctx, b)
		for i := range b.Events {
			b.Events[i].SetNetNS(t.id)
		}
		switch {
		case errors.Is(err, io.EOF):
			t.Close()
		case err != nil:
			return fmt.Errorf("network namespace %s: %w", t.names.Name(t.id), err)
		}
	}
	return nil
}

// Open opens the next table. What can't be read is told and passed over; it is an
// error if that was all of them.
func (t *everyTable) Open(ctx context.Context) error {
	if len(t.left) == 0 {
		if t.read == 0 && t.last != nil {
			return errors.New("no network namespace could be read")
		}
		return io.EOF // also where all of them ended meanwhile
	}
	n := t.left[0]
	t.left = t.left[1:]
	err := t.openOne(ctx, n)
	switch {
	case err == nil:
		t.read++
	case ctx.Err() != nil:
		return err
	case !errors.Is(err, netns.ErrGone):
		t.last = fmt.Errorf("network namespace %s: %w", n.Name, err)
		t.refused(t.last)
	}
	return nil
}

func (t *everyTable) openOne(ctx context.Context, n netns.Found) error {
	file, err := n.Open()
	if err != nil {
		return err
	}
	defer file.Close() // the dump's socket stays in the namespace
	id, ok := t.names.Add(monitor.Namespace{Name: n.Name, Inode: n.Inode})
	if !ok {
		return errors.New("there are more than can be numbered")
	}
	cfg := t.cfg
	cfg.NetNS = int(file.Fd())
	dump, err := cli.OpenFlows(ctx, cfg)
	if err != nil {
		t.names.End(id)
		return err
	}
	t.id, t.dump = id, dump
	return nil
}

// Close ends the table at hand; the next one may be opened after it.
func (t *everyTable) Close() error {
	if t.dump == nil {
		return nil
	}
	err := t.dump.Close()
	t.dump = nil
	return err
}
