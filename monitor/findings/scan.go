package findings

import (
	"net/netip"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// scanEvery is the least time between the beginnings of two scans. A tick scans a piece
// of 4,096 rows; of a table with more than quickPieces every second tick does, so that a
// scan of a million flows takes 50 s.
const (
	scanEvery   = time.Second
	quickPieces = 10
)

// timeoutsEvery is how often the timeouts are read.
const timeoutsEvery = 10 * time.Second

// step scans the next piece. It returns true at the end of a scan.
func (s *scan) step(now monitor.Time) bool {
	if !s.running {
		if now >= s.began && now < s.began+monitor.Time(scanEvery) { // an earlier time: the clock was set back
			return false
		}
		s.begin(now)
	}
	if s.wait = !s.wait && s.piece >= quickPieces; s.wait {
		return false
	}
	s.now = now
	s.running = s.cfg.Table.ScanChunk(s.piece, s.row)
	s.piece++
	return !s.running
}

// begin begins a scan. It reads what the scan has to know of the namespaces that have
// flows, which is not possible within the table's lock.
func (s *scan) begin(now monitor.Time) {
	clear(s.published)
	for i := range s.services.all {
		if v := &s.services.all[i]; v.value.n > 0 {
			s.published[v.key] = struct{}{}
		}
	}
	clear(s.crowded)
	for i := range s.pools.all {
		if p := &s.pools.all[i]; float64(p.n) >= s.cfg.Thresholds[snatMin]/2 && p.value.changed*2 >= p.n {
			s.crowded[p.key] = struct{}{}
		}
	}
	for _, t := range s.tallies {
		t.reset()
	}
	for n, old := range s.spaces {
		if old.rows == 0 {
			delete(s.spaces, n)
			continue
		}
		sp := &space{locals: s.cfg.Table.LocalsOf(n), timeouts: old.timeouts, read: old.read}
		if age := now - sp.read; s.cfg.TCPTimeouts != nil && (age < 0 || age >= monitor.Time(timeoutsEvery)) {
			sp.timeouts, sp.read = s.cfg.TCPTimeouts(n), now
		}
		s.spaces[n] = sp
	}
	s.last = nil
	s.running, s.began = true, now
	s.number++
	s.piece, s.rows = 0, 0
}

// row adds a flow to the groups that it belongs to.
func (s *scan) row(i uint32, r *table.Row) {
	if r.Ended() {
		return
	}
	f := &r.Flow
	flow := ref{i, r.Gen}
	s.rows++
	if s.last == nil || s.lastOf != f.Orig.NetNS {
		s.last, s.lastOf = s.spaces[f.Orig.NetNS], f.Orig.NetNS
		if s.last == nil {
			s.last = new(space)
			s.spaces[s.lastOf] = s.last
		}
	}
	sp := s.last
	sp.rows++
	switch f.Orig.Proto {
	case monitor.TCP:
		if r.Known&monitor.AttrState == 0 {
			break
		}
		s.handshake(flow, r)
		s.idle(sp, flow, r)
		s.service(flow, r)
		s.hairpin(sp, flow, r)
	case monitor.UDP:
		s.service(flow, r)
		s.hairpin(sp, flow, r)
	}
	if f.Status&monitor.SrcNAT != 0 {
		s.source(flow, f)
		s.sender(sp, flow, r)
	}
}

// scan goes over the table in steps and counts groups of flows.
type scan struct {
	cfg     *Config
	running bool
	number  uint64 // of this scan
	piece   int    // of the table, to be scanned next
	wait    bool   // the next tick scans nothing
	began   monitor.Time
	now     monitor.Time // of this step
	rows    uint64

	handshakes [handshakeStates]tally[key, group] // by destination
	hosts      tally[key, host]                   // that open unanswered connections
	services   tally[key, service]                // published by DNAT
	hairpins   tally[key, hairpin]                // flows that DNAT sends back without SNAT
	senders    tally[key, sender]                 // flows with SNAT by public address
	publics    tally[key, pool]                   // likewise, and by protocol
	pools      tally[key, pool]                   // and by destination
	blocks     tally[block, pool]                 // and by client, if the pool is crowded

	tallies []interface{ reset() } // all of these

	// What the scan before has found.
	published map[key]struct{} // services
	crowded   map[key]struct{} // pools

	spaces map[monitor.NetNS]*space
	last   *space // of the row before, which is in lastOf
	lastOf monitor.NetNS

	readings  map[ref]*idleReading
	refreshed monitor.Time
	again     bool // a second dump is to be asked for
}

// handshakeStates is the number of states in which a TCP connection may stay for too long.
const handshakeStates = 3

// space is what a scan keeps of a network namespace, and what is known of it since the
// scan before.
type space struct {
	locals   *monitor.Locals // nil: not known
	timeouts monitor.TCPTimeouts
	read     monitor.Time // when the timeouts were read

	rows   uint64
	idle   group  // ESTABLISHED flows that are idle
	flows  uint64 // of these
	unsure uint64 // flows that may be idle: another dump will show it
}

// aged reports whether the flow is as old as a threshold asks for. If its birth was not
// seen, its age counts from the first message about it.
func (s *scan) aged(r *table.Row, by threshold) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return s.cfg.Thresholds.reached(by, s.now-born)
}

// host is what a scan keeps of a host's unanswered connections.
type host struct {
	group
	destinations [fewDestinations]monitor.Endpoint // the first ones
	reached      int                               // of destinations
}

// fewDestinations is the number of destinations from which on unanswered connections
// are a finding about their host. Those to fewer are findings about the destinations.
const fewDestinations = 8

// hairpin is what a scan keeps of the flows that DNAT sends back into the network they come
// from, without SNAT. The server answers the client directly, with an address that the
// client did not ask:
//
//	client ── to the public address ──▶ gateway ── DNAT ──▶ server
//	   ▲                                                      │
//	   └───────────────── from its own address ───────────────┘
type hairpin struct {
	group
	network netip.Prefix
}

// sender is what a scan keeps of the flows that SNAT sends from one address.
type sender struct {
	local bool         // it is an address of this host
	born  monitor.Time // of the youngest flow; 0: not known
	open  some         // flows that were answered once; none if it is local
}

// some are the first flows of a group that can still send.
type some struct {
	flows [16]ref
	n     int
}

// pool is what a scan keeps of the flows of one public address and protocol, either to
// one destination or to all.
type pool struct {
	group
	low, high uint16 // ports in use
	changed   uint64 // flows whose port is not their own
}

// block identifies the flows of one client in a pool: providers map each client to ports
// of its own.
type block struct {
	pool   key
	client monitor.Addr
}

// idleReading is what the last two dumps revealed about a flow that may be idle.
type idleReading struct {
	last monitor.Reading
	idle bool   // no packet passed since the reading before
	scan uint64 // the last scan that saw the flow
}
