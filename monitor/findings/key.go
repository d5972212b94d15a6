package findings

import "natlens/monitor"

// key identifies a group of flows of one network namespace: by an address, an endpoint,
// or two of them. What a rule does not group by is zero. Its fields have no gaps, so
// that it is hashed in one go.
type key struct {
	addr, peer     monitor.Addr
	port, peerPort uint16
	netns          monitor.NetNS
	proto          monitor.Proto
}
