package findings

import (
	"net/netip"

	"natlens/monitor"
	"natlens/monitor/table"
)

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
