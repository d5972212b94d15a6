package findings

import (
	"cmp"
	"net/netip"

	"natlens/monitor"
)

// key identifies a group of flows of one network namespace: by an address, an endpoint,
// or two of them. What a rule does not group by is zero. Its fields have no gaps, so
// that it is hashed in one go.
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

// maxExamples is how many flows of a group a finding shows.
const maxExamples = 4

// group is what a scan keeps of flows that belong together.
type group struct {
	old      uint32 // flows that have the age that their rule asks for
	n        uint32 // examples
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

// maxKeys is how many keys a tally counts at most, unless it says otherwise. A key
// takes some 200 bytes. More keys would cost more time than memory: their counts would not
// fit into a processor's cache.
const maxKeys = 1 << 15

// tally counts how often each key occurs. Counts are exact. Once it has max keys, further
// keys are not counted. Memory is kept for the next use.
type tally[K comparable, V any] struct {
	max   int    // 0: maxKeys
	last  uint32 // index of the key that was added last: it often comes again
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

// reset forgets all keys.
func (t *tally[K, V]) reset() {
	clear(t.index)
	t.all = t.all[:0]
}
