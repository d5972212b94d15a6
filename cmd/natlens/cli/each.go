//go:build linux

package cli

import (
	"context"
	"errors"
	"fmt"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// Each calls f with every network namespace that --netns names, and its file descriptor (0: the caller's). A single
// namespace has no name. Of several, those that can't be read are skipped, and refused is called with the
// reason of each; it is an error if none can.
func (c *CaptureFlags) Each(ctx context.Context, refused func(error),
	f func(n monitor.Namespace, fd int) error) error {
	if !c.Every() {
		file, err := OpenNetNS(c.Netns)
		if err != nil {
			return err
		}
		defer file.Close() // nil: does nothing
		return f(monitor.Namespace{}, NetnsFD(file))
	}
	var finder netns.Finder
	if err := finder.Scan(); err != nil {
		return err
	}
	if finder.Unseen > 0 {
		refused(netns.UnseenError(finder.Unseen))
	}
	read := 0
	for _, n := range finder.Found() {
		file, err := n.Open()
		if err == nil {
			err = f(monitor.Namespace{Name: n.Name, Inode: n.Inode}, NetnsFD(file))
			file.Close()
		}
		switch {
		case err == nil:
			read++
		case ctx.Err() != nil:
			return err
		case !errors.Is(err, netns.ErrGone):
			refused(fmt.Errorf("network namespace %s: %w", n.Name, err))
		}
	}
	if read == 0 {
		return errors.New("no network namespace could be read")
	}
	return nil
}
