package findings

import (
	"cmp"
	"net/netip"

	"natlens/monitor"
)

// key identifies a group of flows of one network namespace: by an address, an endpoint, or two
// of them. Unused fields are zero. The fields have no padding, so the key is hashed as one
// block.
type key struct {
	addr, peer     monitor.Addr
	port, peerPort uint16
	netns          monitor.NetNS
	proto          monitor.Proto
}

// ref identifies a row of the table.
type ref struct {
	row uint32
	gen uint64
}

// maxExamples is the maximum number of example flows of a finding.
const maxExamples = 4

// group is the flows that a scan counts together.
type group struct {
	old      uint32 // flows that have the minimum age of their rule
	n        uint32 // number of examples
	examples [maxExamples]ref
}

func (g *group) add(flow ref, old bool) {
	if old {
		g.old++
	}
	if g.n < maxExamples {
		g.examples[g.n] = flow
		g.n++
	}
}

// refs returns the examples.
func (g *group) refs() []ref { return g.examples[:g.n] }

// endpoint writes an address with a port.
func endpoint(a monitor.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}

// maxKeys is the default maximum number of keys of a tally. A key takes about 200 bytes. With
// more keys, the counts would not fit into a processor's cache.
const maxKeys = 1 << 15

// tally counts how often each key occurs. Counts are exact. After max keys, new keys are not
// counted. reset keeps the memory.
type tally[K comparable, V any] struct {
	max   int    // 0: maxKeys
	last  uint32 // index of the last key, which often occurs again
	index map[K]uint32
	all   []tallied[K, V] // in the order in which the keys first occurred
}

type tallied[K comparable, V any] struct {
	key   K
	n     uint64 // occurrences
	value V      // zero when the key first occurs
}

// add counts one occurrence. The result is valid until the next add; nil if the tally
// is full.
func (t *tally[K, V]) add(k K) *tallied[K, V] {
	if int(t.last) < len(t.all) && t.all[t.last].key == k {
		t.all[t.last].n++
		return &t.all[t.last]
	}
	i, ok := t.index[k]
	if !ok {
		if len(t.all) == cmp.Or(t.max, maxKeys) {
			return nil
		}
		if t.index == nil {
			t.index = make(map[K]uint32)
		}
		i = uint32(len(t.all))
		t.index[k] = i
		t.all = append(t.all, tallied[K, V]{key: k})
	}
	t.last = i
	t.all[i].n++
	return &t.all[i]
}

// reset removes all keys.
func (t *tally[K, V]) reset() {
	clear(t.index)
	t.all = t.all[:0]
}

// some are the first flows of a group that are not closing.
type some []ref

// maxSome is the maximum number of them.
const maxSome = 16

// add adds a flow, unless it is a TCP connection that is closing.
func (s *some) add(flow ref, f *monitor.Flow) {
	open := f.Orig.Proto != monitor.TCP || f.State == monitor.TCPSynSent || f.State == monitor.TCPSynRecv ||
		f.State == monitor.TCPEstablished
	if open && len(*s) < maxSome {
		*s = append(*s, flow)
	}
}
