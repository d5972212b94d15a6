//go:build linux

package kernel

import (
	"fmt"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// Routes opens requests for the routes and neighbours of a network namespace (0: the caller's).
// Close it.
func Routes(ns int) (*netlink.Handle, error) {
	at := vnetns.None()
	if ns != 0 {
		at = vnetns.NsHandle(ns)
	}
	h, err := netlink.NewHandleAt(at, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", netns.Privilege(err))
	}
	return h, nil
}
