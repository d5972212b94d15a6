package metrics

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// TopPools is the number of pairs of a public address and a protocol that have series at
// a time. The flows of the others are counted as "other".
const TopPools = 32

// maxPools bounds the memory of a scan. Further pairs are counted as "other". Only a
// gateway that gives each host its own public address, such as one that translates IPv6
// prefixes, has more, and there no pool runs out of ports.
const maxPools = 65536

// scan is the result of one scan of the table.
type scan struct {
	of    map[monitor.NetNS]*tally // of the existing namespaces
	pools []pool                   // those with series, the busiest first
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

// take scans the table twice: first for the pools, then for the ports of those pools that
// n gives a name. The table is locked for a part at a time.
func (s *scan) take(t *table.Table, n *names, now time.Time) {
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
	s.choose(flows, n, now)
	at := make(map[poolKey]*pool, len(s.pools))
	for i := range s.pools {
		at[s.pools[i].key] = &s.pools[i]
	}
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

func (s *scan) choose(flows map[poolKey]uint64, n *names, now time.Time) {
	all := make([]pool, 0, len(flows))
	for k, n := range flows {
		all = append(all, pool{key: k, flows: n})
	}
	slices.SortFunc(all, func(a, b pool) int {
		return cmp.Or(cmp.Compare(b.flows, a.flows), bytes.Compare(a.key.addr[:], b.key.addr[:]),
			cmp.Compare(a.key.slot, b.key.slot), cmp.Compare(a.key.netns, b.key.netns))
	})
	n.place(all, now)
	for _, p := range all {
		in := s.of[p.key.netns]
		in.pools++
		if n.placed[p.key] {
			s.pools = append(s.pools, p)
		} else {
			in.other[p.key.slot] += p.flows
		}
	}
}
