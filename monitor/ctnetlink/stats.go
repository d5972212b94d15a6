package ctnetlink

import "encoding/binary"

// Counter is one of the kernel's counters of each CPU: enum ctattr_stats_cpu.
type Counter uint8

// The counters. Kernels since 5.9 send Found, Invalid and those from Insert on, since 5.10
// and 5.15 also the last two. Older kernels send some of the others.
const (
	Searched      Counter = iota + 1 // no longer counted
	Found                            // tuples that NAT tried and that were in use
	New                              // no longer counted
	Invalid                          // packets that could not be tracked
	Ignore                           // no longer counted
	Delete                           // no longer counted
	DeleteList                       // no longer counted
	Insert                           // entries that programs added
	InsertFailed                     // entries that could not be added: their packets were dropped
	Drop                             // packets dropped because the table was full or memory was short
	EarlyDrop                        // entries evicted for new ones
	Error                            // ICMP messages that are malformed or belong to no flow
	SearchRestart                    // lookups restarted because the table was resized
	ClashResolve                     // races of first packets that were resolved without a drop
	ChainTooLong                     // entries rejected because their bucket was full
	numCounters   = 20               // with four for later kernels
)

var counterNames = [numCounters]string{
	Searched: "searched", Found: "found", New: "new", Invalid: "invalid", Ignore: "ignore", Delete: "delete",
	DeleteList: "delete_list", Insert: "insert", InsertFailed: "insert_failed", Drop: "drop", EarlyDrop: "early_drop",
	Error: "error", SearchRestart: "search_restart", ClashResolve: "clash_resolve", ChainTooLong: "chaintoolong",
	16: "unknown1", 17: "unknown2", 18: "unknown3", 19: "unknown4",
}

// String returns conntrack(8)'s name of the counter.
func (c Counter) String() string {
	if int(c) < len(counterNames) {
		return counterNames[c]
	}
	return "unknown"
}

// Counters are the counters that the kernel sent.
type Counters struct {
	has uint32
	n   [numCounters]uint32
}

// Has reports whether the kernel sent the counter.
func (c *Counters) Has(k Counter) bool { return c.has&(1<<k) != 0 }

// Get returns a counter, or 0 if the kernel did not send it.
func (c *Counters) Get(k Counter) uint32 { return c.n[k] }

// Each calls f with each counter that the kernel sent, in the order of their numbers.
func (c *Counters) Each(f func(k Counter, n uint32)) {
	for k := Counter(1); k < numCounters; k++ {
		if c.Has(k) {
			f(k, c.n[k])
		}
	}
}

// CPUStats are the counters of one CPU.
type CPUStats struct {
	CPU uint16
	Counters
}

// DecodeCPUStats decodes a message of the answer to OpStatsCPU. Counters above number 19
// are ignored.
func DecodeCPUStats(msg []byte) (s CPUStats, err error) {
	err = readStats(msg, func(typ uint8, n uint32) {
		if typ > 0 && typ < numCounters {
			s.has |= 1 << typ
			s.n[typ] = n
		}
	})
	if err == nil {
		s.CPU = binary.BigEndian.Uint16(msg[nlmsgHeader+2:]) // res_id
	}
	return s, err
}

// GlobalStats is the fill level of a network namespace's table.
type GlobalStats struct {
	Entries uint32
	Max     uint32 // nf_conntrack_max; 0 if the kernel does not send it (before 5.9)
}

// DecodeGlobalStats decodes the answer to OpStats.
func DecodeGlobalStats(msg []byte) (s GlobalStats, err error) {
	err = readStats(msg, func(typ uint8, n uint32) {
		switch typ {
		case ctaStatsGlobalEntries:
			s.Entries = n
		case ctaStatsGlobalMax:
			s.Max = n
		}
	})
	return s, err
}

// readStats calls number with each attribute of a message, which are all of 32 bits.
func readStats(msg []byte, number func(typ uint8, n uint32)) error {
	r := reader{Decoder: new(Decoder), number: number}
	msg, err := body("statistics", msg)
	if err == nil {
		r.read(inStats, msg[headers:])
		err = r.err
	}
	return err
}
