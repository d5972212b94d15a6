package replay

import (
	"net/netip"

	"natlens/monitor"
)

// maxLocals bounds what a hostile recording can make us keep; no comment has room
// for more.
const maxLocals = 1 << 14

// parseLocals reads the host's addresses as a recording tells them:
// {"v":1,"locals":["192.0.2.1",…]}. ok is false if it is something else.
func parseLocals(text []byte) (l *monitor.Locals, ok bool) {
	c := cursor{b: text}
	var addrs []netip.Addr
	version := uint64(0)
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "v":
			version = c.uint(lineVersion)
		case "locals":
			ok = true
			for more := c.open('['); more; more = c.more(']') {
				if a := c.addr(); len(addrs) < maxLocals {
					addrs = append(addrs, a.Netip())
				}
			}
		default:
			return nil, false
		}
	}
	if c.end() != nil || version != lineVersion || !ok {
		return nil, false
	}
	return monitor.NewLocals(addrs), true
}
