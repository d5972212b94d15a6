//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// push has the kernel apply cfg.Push to a socket that has joined no group yet, so
// that no message gets past it. Where the kernel does not, the reader is to apply
// the filter that is returned to what it decodes: what is told is the same.
func (c *socketCapture) push(conn *netlink.Conn) (here monitor.Filter) {
	err := attachFilter(conn, c.cfg.Push)
	if err == nil {
		return nil
	}
	c.unpushed.Store(&err)
	return filter.Compile(c.cfg.Push, filter.Env{})
}

// attachFilter gives a socket a filter. It needs no privilege, but room: the
// program must not be larger than net.core.optmem_max of the network namespace.
func attachFilter(conn *netlink.Conn, e filter.Expr) error {
	prog, err := classicFilter(e)
	if err != nil || prog == nil {
		return err
	}
	err = conn.SetBPF(prog)
	if errors.Is(err, unix.ENOMEM) {
		return fmt.Errorf("net.core.optmem_max leaves no room for a program of %d instructions", len(prog))
	}
	return err
}

// WhyNotPushed says why Config.Push is not applied in the kernel but by the
// reader; nil if it is, or if there is none. What comes is the same.
func WhyNotPushed(c Capture) error {
	if every, ok := c.(*Every); ok {
		c = every.gatherer
	}
	if c, ok := c.(*socketCapture); ok {
		if err := c.unpushed.Load(); err != nil {
			return *err
		}
	}
	return nil
}
