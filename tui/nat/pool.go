package nat

import (
	"bytes"
	"cmp"

	"natlens/monitor"
	"natlens/monitor/table"
)

// poolKey is an address that SNAT uses, with the protocol, because each protocol has its own
// ports. For DNAT it is a service and its target.
type poolKey struct {
	netns monitor.NetNS
	dnat  bool
	proto monitor.Proto
	addr  monitor.Endpoint // SNAT: the translated address; DNAT: the service
	to    monitor.Endpoint // DNAT: the target
}

// pool is one line of the NAT page.
type pool struct {
	key       poolKey
	flows     int
	kept      int // flows whose source port was not changed
	rewritten int
	ports     monitor.PortSet
	rate      table.Rate // Up is the original direction
	bytes     uint64
	inside    map[monitor.Addr]int     // senders; for DNAT from outside
	outside   map[monitor.Endpoint]int // destinations
	sample    table.Row

	// Set at the end of a scan:
	busiestIn, busiestOut busiest
	size                  int     // number of ports, ids or keys that exist
	used                  float64 // share in use
}

// busiest is the address with the most flows in a pool.
type busiest struct {
	at    monitor.Endpoint
	flows int
}

// percent is the share in use in whole percent, by which pools are sorted; -1 for a service.
func (p *pool) percent() int {
	if p.key.dnat {
		return -1
	}
	return int(100 * p.used)
}

// translated returns the address that the pool translates to.
func (p *pool) translated() monitor.Endpoint {
	if p.key.dnat {
		return p.key.to
	}
	return p.key.addr
}

// found is the answer of the page.
type found struct {
	pools   []pool
	live    int // flows in the table
	matched int
	counted bool // flows have counters
}

// scan reads the table once.
func scan(t *table.Table, f *table.CachedFilter, now monitor.Time, w table.Window) (v found) {
	pools := make(map[poolKey]*pool)
	v.live = t.ScanMatching(f, now, func(_ uint32, r *table.Row, _ *monitor.Extra) {
		if r.Ended() {
			return
		}
		v.matched++
		v.counted = v.counted || r.Known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
		n := r.Flow.NAT()
		if n.Kind&monitor.NATSource != 0 {
			source(pools, r, n).add(r, w)
		}
		if n.Kind&monitor.NATDestination != 0 {
			destination(pools, r).add(r, w)
		}
	})
	for _, p := range pools {
		p.busiestIn = most(p.inside, func(a monitor.Addr) monitor.Endpoint { return monitor.Endpoint{Addr: a} })
		p.busiestOut = most(p.outside, func(e monitor.Endpoint) monitor.Endpoint { return e })
		p.inside, p.outside = nil, nil
		p.size = p.ports.Available(p.key.proto, uint64(p.flows), uint64(p.rewritten))
		p.used = float64(p.ports.Len()) / float64(p.size)
		v.pools = append(v.pools, *p)
	}
	return v
}

// add counts a flow.
func (p *pool) add(r *table.Row, w table.Window) {
	p.flows++
	p.rate.Up += r.Rates[w].Up
	p.rate.Down += r.Rates[w].Down
	p.bytes += r.Flow.CountersOrig.Bytes + r.Flow.CountersReply.Bytes
	p.inside[r.Flow.Orig.Src]++
}

func source(pools map[poolKey]*pool, r *table.Row, n monitor.NAT) *pool {
	f := &r.Flow
	as := f.SentAs()
	p := poolOf(pools, poolKey{netns: f.Orig.NetNS, proto: f.Orig.Proto, addr: monitor.Endpoint{Addr: as.Addr}}, r)
	if n.SrcPort {
		p.rewritten++
	} else {
		p.kept++
	}
	if !f.Orig.Proto.HasPorts() || as.Port >= monitor.FirstNATPort {
		p.ports.Add(as.Port)
	}
	p.outside[f.DeliveredTo()]++
	return p
}

func destination(pools map[poolKey]*pool, r *table.Row) *pool {
	f := &r.Flow
	return poolOf(pools, poolKey{netns: f.Orig.NetNS, dnat: true, proto: f.Orig.Proto, addr: f.To(),
		to: f.DeliveredTo()}, r)
}

func poolOf(pools map[poolKey]*pool, k poolKey, r *table.Row) *pool {
	p := pools[k]
	if p == nil {
		p = &pool{key: k, sample: *r, inside: make(map[monitor.Addr]int), outside: make(map[monitor.Endpoint]int)}
		pools[k] = p
	}
	return p
}

// most returns the highest count; among equals the lowest address, so that the view is stable.
func most[K comparable](counts map[K]int, endpoint func(K) monitor.Endpoint) busiest {
	var out busiest
	for k, n := range counts {
		e := endpoint(k)
		if n > out.flows || n == out.flows && compareEndpoints(e, out.at) < 0 {
			out = busiest{e, n}
		}
	}
	return out
}

func compareEndpoints(a, b monitor.Endpoint) int {
	return cmp.Or(bytes.Compare(a.Addr[:], b.Addr[:]), cmp.Compare(a.Port, b.Port))
}

// comparePools orders SNAT before DNAT, the fullest first.
func comparePools(a, b *pool) int {
	if a.key.dnat != b.key.dnat {
		if b.key.dnat {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(b.percent(), a.percent()),
		cmp.Compare(b.ports.Len(), a.ports.Len()),
		cmp.Compare(b.flows, a.flows),
		compareEndpoints(a.key.addr, b.key.addr),
		compareEndpoints(a.key.to, b.key.to),
		cmp.Compare(a.key.proto, b.key.proto),
		cmp.Compare(a.key.netns, b.key.netns),
	)
}
