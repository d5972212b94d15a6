//go:build !nometrics

package metrics

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// TopPools is the number of pairs of a public address and a protocol that have series at
// a time. The flows of the others are counted as "other".
const TopPools = 32

// maxPools is the maximum number of pairs in a scan. Further pairs are counted as "other". Only
// a gateway that gives each host its own public address, such as one that translates IPv6
// prefixes, has more, and then no pool runs out of ports.
const maxPools = 65536

// scan is the result of one scan of the table.
type scan struct {
	of    map[monitor.NetNS]*tally // of the existing namespaces
	pools []*pool                  // those with series
	took  time.Duration
}

// tally is the part of one network namespace.
type tally struct {
	flows [protoSlots][stateSlots]uint64
	other [protoSlots]uint64 // flows of pools without series
	pools uint64
}

func newScan(named labels) *scan {
	s := &scan{of: make(map[monitor.NetNS]*tally, len(named))}
	for id := range named {
		s.of[id] = new(tally)
	}
	return s
}

// poolKey identifies a pool of ports: a public address of a namespace, and the slot of a
// protocol.
type poolKey struct {
	addr  monitor.Addr
	slot  uint8
	netns monitor.NetNS
}

type pool struct {
	key   poolKey
	flows uint64

	changed uint64 // flows whose port, id or key is translated
	ports   monitor.PortSet
}

// available returns the number of ports, ids or keys of the address.
func (p *pool) available() int {
	proto := monitor.Proto(0)
	if p.key.slot > 0 {
		proto = monitor.Protos[p.key.slot-1]
	}
	return p.ports.Available(proto, p.flows, p.changed)
}

// translated returns the pool of a flow whose source is translated.
func translated(f *monitor.Flow) (key poolKey, ok bool) {
	return poolKey{f.SentAs().Addr, slotOf[f.Orig.Proto], f.Orig.NetNS}, f.NAT().Kind&monitor.NATSource != 0
}

// take scans the table twice: first for the pools, then for the ports of those that choose
// selects. The table is locked for a part at a time. before is the scan before this one, or
// nil.
func (s *scan) take(t *table.Table, before *scan) {
	began := time.Now()
	flows := make(map[poolKey]uint64)
	t.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
		in := s.of[r.Flow.Orig.NetNS]
		if in == nil || r.Ended() {
			return true
		}
		slot := slotOf[r.Flow.Orig.Proto]
		in.flows[slot][stateOf(&r.Flow, r.Known)]++
		if key, ok := translated(&r.Flow); ok {
			if had, ok := flows[key]; ok || len(flows) < maxPools {
				flows[key] = had + 1
			} else {
				in.other[slot]++
			}
		}
		return true
	})
	at := s.choose(flows, before)
	t.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
		key, ok := translated(&r.Flow)
		p := at[key]
		if !ok || p == nil || r.Ended() {
			return len(at) > 0
		}
		if r.Flow.NAT().SrcPort {
			p.changed++
		}
		if port := r.Flow.SentAs().Port; !r.Flow.Orig.Proto.HasPorts() || port >= monitor.FirstNATPort {
			p.ports.Add(port)
		}
		return true
	})
	s.took = time.Since(began)
}

// choose gives series to the busiest pools, and returns them. The flows of a pool that had
// series before count twice, so that series do not change all the time.
func (s *scan) choose(flows map[poolKey]uint64, before *scan) map[poolKey]*pool {
	weights := maps.Clone(flows)
	if before != nil {
		for _, p := range before.pools {
			if weights[p.key] > 0 {
				weights[p.key] *= 2
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(flows), func(a, b poolKey) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), bytes.Compare(a.addr[:], b.addr[:]),
			cmp.Compare(a.slot, b.slot), cmp.Compare(a.netns, b.netns))
	})
	at := map[poolKey]*pool{}
	for _, key := range keys {
		in := s.of[key.netns]
		if in.pools++; len(at) == TopPools {
			in.other[key.slot] += flows[key]
			continue
		}
		at[key] = &pool{key: key, flows: flows[key]}
		s.pools = append(s.pools, at[key])
	}
	return at
}
