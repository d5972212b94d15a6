package ctnetlink

import "encoding/binary"

// CounterNames are conntrack(8)'s names of the kernel's counters of each CPU, in the order of
// enum ctattr_stats_cpu. Kernels since 5.9 send found, invalid and the counters from insert on;
// clash_resolve since 5.10 and chaintoolong since 5.15. Older kernels send some of the others
// too.
var CounterNames = []string{"searched", "found", "new", "invalid", "ignore", "delete", "delete_list", "insert",
	"insert_failed", "drop", "early_drop", "error", "search_restart", "clash_resolve", "chaintoolong", "unknown1",
	"unknown2", "unknown3", "unknown4"}

// ExpectCounterNames are those of expectations (enum ctattr_expect_stats).
var ExpectCounterNames = []string{"expect_new", "expect_create", "expect_delete"}

// CPUStats are the counters of one CPU that the kernel sent, by their names.
type CPUStats struct {
	CPU      uint16
	Counters map[string]uint32
}

// DecodeCPUStats decodes a message of the answer to OpStatsCPU, with CounterNames, or to OpExpectStatsCPU, with
// ExpectCounterNames. Counters without a name are ignored.
func DecodeCPUStats(msg []byte, names []string) (s CPUStats, err error) {
	s.Counters = map[string]uint32{}
	err = readStats(msg, func(typ uint8, n uint32) {
		if typ > 0 && int(typ) <= len(names) {
			s.Counters[names[typ-1]] = n
		}
	})
	if err == nil {
		s.CPU = binary.BigEndian.Uint16(msg[nlmsgHeader+2:]) // res_id
	}
	return s, err
}

// GlobalStats is how full a network namespace's table is.
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

func init() {
	for typ := range object(32) {
		attributes[inStats|typ] = attribute{0, 4, func(d *Decoder, v []byte) { d.number(uint8(typ), be32(v)) }}
	}
}

// readStats calls number with each attribute of a message. All have 32 bits.
func readStats(msg []byte, number func(typ uint8, n uint32)) error {
	msg, err := body("statistics", msg)
	if err != nil {
		return err
	}
	d := Decoder{number: number}
	d.read(inStats, msg[headers:])
	return d.err
}
