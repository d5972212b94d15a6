package findings

import (
	"net/netip"

	"natlens/monitor"
	"natlens/monitor/table"
)

// scan reads the table in steps and counts groups of flows.
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

	// Results of the previous scan.
	published map[key]struct{} // services
	crowded   map[key]struct{} // pools

	spaces map[monitor.NetNS]*space
	last   *space // of the previous row, which is in namespace lastOf
	lastOf monitor.NetNS

	readings  map[ref]*idleReading
	refreshed monitor.Time
	again     bool // a second dump is needed
}

// handshakeStates is the number of states in which a TCP connection may stay for too long.
const handshakeStates = 3

// space is a network namespace during a scan.
type space struct {
	locals   *monitor.Locals // nil: unknown
	timeouts monitor.TCPTimeouts
	read     monitor.Time // when the timeouts were read

	rows   uint64
	idle   group  // ESTABLISHED flows that are idle
	unsure uint64 // flows that may be idle; another dump is needed
}

// aged reports whether the flow has the minimum age of a threshold. If its beginning was not
// seen, its age counts from the first message about it.
func (s *scan) aged(r *table.Row, by threshold) bool {
	born := r.Born()
	if born == 0 {
		born = r.First
	}
	return s.cfg.Thresholds.reached(by, s.now-born)
}

// host counts a host's unanswered connections.
type host struct {
	group
	destinations [fewDestinations]monitor.Endpoint // the first ones
	reached      int                               // number of destinations
}

// fewDestinations is the number of destinations from which unanswered connections are reported
// for their host. With fewer they are reported for the destinations.
const fewDestinations = 8

// hairpin counts the flows that DNAT sends back into the network from which they come, without
// SNAT. The server answers the client directly, from an address that the client does not
// expect:
//
//	client ── to the public address ──▶ gateway ── DNAT ──▶ server
//	   ▲                                                      │
//	   └───────────────── from its own address ───────────────┘
type hairpin struct {
	group
	network netip.Prefix
}

// sender counts the flows with SNAT to one address.
type sender struct {
	local bool         // it is an address of this host
	born  monitor.Time // when the youngest flow began; 0: unknown
	open  some         // flows that were answered once; none if it is local
}

// pool counts the flows of one public address and protocol, to one destination or to all.
type pool struct {
	group
	low, high uint16 // ports in use
	changed   uint64 // flows with another port than their own
}

// block identifies the flows of one client in a pool. Providers give each client a block of
// ports.
type block struct {
	pool   key
	client monitor.Addr
}

// idleReading is the last two dumps of a flow that may be idle.
type idleReading struct {
	last monitor.Reading
	idle bool   // no packet passed since the reading before
	scan uint64 // the last scan that saw the flow
}

// sending is a flow that may send packets and get none back.
type sending struct {
	orig, reply uint64       // packets when the last reply was seen
	since       monitor.Time // when that was
	scan        uint64       // the last scan that asked
}
