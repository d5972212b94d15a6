package pretty

import "natlens/monitor"

// The column of namespaces grows with the names, up to a bound: lines then jump
// once, and not with each.
const (
	netNSWidth = 8
	netNSMax   = 24
)

// appendNetNS appends the column of the event's namespace, if there is one.
func (p *Writer) appendNetNS(b []byte, e *monitor.Event) []byte {
	if e.NetNS() == 0 && p.netns == 0 {
		return b // one namespace is watched
	}
	start := len(b)
	b = append(b, p.o.Namespaces.Name(e.NetNS())...) // escaped where it was found
	p.netns = max(p.netns, netNSWidth, min(len(b)-start, netNSMax))
	return append(appendPadding(b, start, p.netns), ' ')
}
