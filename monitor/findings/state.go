package findings

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"natlens/monitor"
)

// race is a rule about a counter of the kernel that moves while a resolver is asked.
type race struct {
	rule   ruleID
	limit  threshold
	of     func(*Counters) uint64
	figure string // the kernel's name of the counter
	text   string // what the kernel counts
}

// Engine evaluates the rules. Observe, Tick and Finish belong to one goroutine, the
// others to any.
type Engine struct {
	cfg     Config
	scan    scan
	window  window
	silence map[ref]*sending
	active  [numRules][]active
	changed []monitor.Finding // what Tick returns

	mu       sync.Mutex
	snapshot []monitor.Finding
	version  uint64
	stats    Stats
}

// sender is what a scan keeps of the flows that SNAT sends from one address.
type sender struct {
	local bool         // it is an address of this host
	born  monitor.Time // of the youngest flow; 0: not known
	open  some         // flows that were answered once; none if it is local
}

// group is what a scan keeps of flows that belong together.
type group struct {
	old      uint32 // flows that have the age that their rule asks for
	n        uint32 // examples
	examples [maxExamples]ref
}

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

// handshake is a rule about TCP connections to one destination that stay in one state
// for too long.
type handshake struct {
	rule       ruleID
	limit, age threshold
	words      string // the filter, without the destination
	text       string // what is said of the connections
}

// host is what a scan keeps of a host's unanswered connections.
type host struct {
	group
	destinations [fewDestinations]monitor.Endpoint // the first ones
	n            int                               // of destinations
}

// idleReading is what the last two dumps revealed about a flow that may be idle.
type idleReading struct {
	last monitor.Reading
	idle bool   // no packet passed since the reading before
	scan uint64 // the last scan that saw the flow
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

// scan goes over the table in steps and counts groups of flows.
type scan struct {
	cfg        *Config
	thresholds *Thresholds
	running    bool
	number     uint64 // of this scan
	piece      int    // of the table, to be scanned next
	wait       bool   // the next tick scans nothing
	began      monitor.Time
	now        monitor.Time // of this step
	rows       uint64
	took       time.Duration

	handshakes [len(handshakes)]tally[key, group] // by destination
	hosts      tally[key, host]                   // that open unanswered connections
	services   tally[key, service]                // published by DNAT
	hairpins   tally[key, hairpin]                // flows that DNAT sends back without SNAT
	senders    tally[key, sender]                 // flows with SNAT by public address
	publics    tally[key, pool]                   // likewise, and by protocol
	pools      tally[key, pool]                   // and by destination
	blocks     tally[block, pool]                 // and by client, if the pool is crowded

	// What the scan before has found.
	published map[key]struct{} // services
	crowded   map[key]struct{} // pools

	spaces map[monitor.NetNS]*space
	last   *space // of the row before, which is in lastOf
	lastOf monitor.NetNS

	readings  map[ref]*idleReading
	unread    uint64 // flows that may be idle and are not in readings
	refreshed monitor.Time
	again     bool // a second dump is to be asked for
}

// service is what a scan keeps of a published port: where its flows are sent to. NAT is
// decided on a flow's first packet. A client that keeps sending from one port keeps the
// entry, and the old decision, alive.
type service struct {
	targets [1 + maxTargets]target // the first: flows without DNAT
	n       int                    // targets of DNAT
	young   youngest               // flows with DNAT
}

// target is where DNAT sends flows of a service to.
type target struct {
	to       monitor.Endpoint
	born     monitor.Time // of the youngest flow; 0: not known
	answered uint64       // flows
	replied  some         // of these
	silent   uint64       // flows that were never answered; TCP: in SYN_SENT
	group                 // of the silent
}

// youngest are the flows with DNAT that began last, the youngest first. Flows whose
// birth is not known are left out.
type youngest struct {
	born   [maxYoung]monitor.Time
	target [maxYoung]uint8
	n      int
}

// sending is a flow that may send packets and get none back.
type sending struct {
	orig, reply uint64       // packets when the last reply was seen
	since       monitor.Time // when that was
	scan        uint64       // the last scan that asked
}

// some are the first flows of a group that can still send.
type some struct {
	flows [16]ref
	n     int
}

// watched is what the counters of a flow show.
type watched uint8

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

// active is a finding of a rule, identified by its subject.
//
//	level ≥ 1: appears          level ≥ ½: goes on
//	level < ½ twice in a row: is cleared
type active struct {
	absent  int
	present bool // in the evaluation under way
	finding monitor.Finding
}

// window counts the new flows of a span of time, which the table does not report:
//
//	│◀──── window ────▶│◀──── window ────▶│
//	  ▲   ▲   ▲   ▲   ▲: findings that reach their threshold appear
//	                  └ findings below half of it get cleared
type window struct {
	began   monitor.Time
	checked monitor.Time
	missed  uint64 // flows that the last full window left out

	hosts     tally[hostKey, inside]
	pairs     map[uint64]struct{} // hosts with a destination, hashed
	beyond    uint64              // destinations left out because pairs is full
	seed      maphash.Seed
	most      uint64 // destinations of one host that are counted
	resolvers tally[hostKey, recent]

	counters map[monitor.NetNS]Counters // when the window began; nil: not known
}

// hostKey identifies a host of a network namespace.
type hostKey struct {
	addr  monitor.Addr
	netns monitor.NetNS
}

// inside is what a window keeps of an inside host.
type inside struct {
	recent
	destinations uint64    // distinct ones
	first        [4]uint64 // the first of these, hashed; the others are in window.pairs
}

// recent are the flows of a group that came last.
type recent struct {
	last [2]ref
	next uint8
}

// fewDestinations is the number of destinations from which on unanswered connections
// are a finding about their host. Those to fewer are findings about the destinations.
const fewDestinations = 8

// ref identifies a row of the table.
type ref struct {
	row uint32
	gen uint64
}

// maxExamples is how many flows of a group a finding shows.
const maxExamples = 4

// Bounds of what a scan keeps of services.
const (
	maxTargets  = 6    // of one service; flows to others are left out
	maxServices = 1024 // a service takes some 3 KiB
)

const maxYoung = 16
