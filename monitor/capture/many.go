//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// follow captures all network namespaces, also those that begin later.
func (c *Capture) follow(all *All) (err error) {
	by := map[uint64]*member{} // by inode; only the follower uses it
	c.follower, err = netns.Follow(netns.FollowConfig{
		Came: func(n netns.Found, file *os.File, late bool) error {
			m, err := c.enter(n, file, late)
			if err == nil {
				by[n.Inode] = m
			}
			return err
		},
		Renamed: func(n netns.Found) { c.names.Rename(by[n.Inode].id, n.Name) },
		Gone: func(n netns.Found) {
			c.mu.Lock()
			c.retiring = append(c.retiring, by[n.Inode])
			c.mu.Unlock()
			delete(by, n.Inode)
			c.wait.interrupt()
		},
		Refused: all.Refused,
		Wanted:  all.Wanted,
	})
	return err
}

var errManyNamespaces = errors.New("there are more network namespaces than can be numbered")

// enter starts to capture a namespace. On an error the caller closes the file.
func (c *Capture) enter(n netns.Found, file *os.File, late bool) (*member, error) {
	id, ok := c.names.Add(monitor.Namespace{Name: n.Name, Inode: n.Inode})
	if !ok {
		return nil, errManyNamespaces
	}
	m := &member{id: id, ns: int(file.Fd()), file: file, own: n.Own, late: late}
	var err error
	if report := c.cfg.All.Locals; report != nil {
		m.stop, err = netns.FollowLocals(m.ns, func(l *monitor.Locals) { report(id, l) })
	}
	if err == nil {
		if err = c.add(m); err != nil && m.stop != nil {
			m.stop()
		}
	}
	if err != nil {
		c.names.End(id)
		return nil, err
	}
	return m, nil
}

// Unseen returns how many processes natlens could not read when the capture began. Namespaces
// that contain only such processes are not captured.
func (c *Capture) Unseen() int {
	if c.follower == nil {
		return 0
	}
	return c.follower.Unseen()
}

// Dump opens the tables of the given namespaces (nil: all), one after the other. Namespaces
// that have ended are skipped.
func (c *Capture) Dump(ctx context.Context, only []monitor.NetNS) (monitor.Source, error) {
	if c.cfg.Dump == nil {
		return nil, errors.New("the capture was opened without a table")
	}
	if only == nil {
		only = c.IDs()
	}
	d := &dump{capture: c, left: only}
	if err := ctx.Err(); err != nil || len(only) != 1 {
		return d, err
	}
	return d, d.open(ctx) // report its error now
}

// dump reads tables one after the other.
type dump struct {
	capture *Capture
	left    []monitor.NetNS
	id      monitor.NetNS
	table   monitor.Source // of id; nil: the next is to be opened
}

// Next reads one part of a table.
func (d *dump) Next(ctx context.Context, b *monitor.Batch) error {
	for {
		if d.table == nil {
			if len(d.left) == 0 {
				return io.EOF
			}
			if err := d.open(ctx); err != nil {
				return d.name(err)
			}
			continue
		}
		first := len(b.Events)
		err := d.table.Next(ctx, b)
		for i := range b.Events[first:] {
			b.Events[first+i].SetNetNS(d.id)
		}
		if errors.Is(err, io.EOF) {
			d.table.Close()
			d.table, err = nil, nil
		}
		if err != nil || len(b.Events) > first {
			return d.name(err)
		}
	}
}

func (d *dump) name(err error) error {
	if err == nil || d.id == 0 {
		return err
	}
	return fmt.Errorf("network namespace %s: %w", d.capture.names.Name(d.id), err)
}

func (d *dump) open(ctx context.Context) error {
	d.id, d.left = d.left[0], d.left[1:]
	_, err := d.capture.With(d.id, func(ns int) (err error) {
		d.table, err = d.capture.cfg.Dump(ctx, ns)
		return err
	})
	return err
}

// Close ends the dump, read to its end or not.
func (d *dump) Close() error {
	d.left = nil
	if d.table == nil {
		return nil
	}
	return d.table.Close()
}
