package doctor

import "time"

// Limits are from where on something is said to be less than well. The reasons
// stand in docs/doctor.md.
type Limits struct {
	QueueWarn time.Duration // a queue that holds less than this at the rate seen

	FillWarn, FillFail   float64       // share of max that is in use, in percent
	FullWarn             time.Duration // time until the table is full
	GrowthMin            float64       // share of max that it must have grown by to be growth, in percent
	ChainWarn, ChainFail float64       // hash entries a bucket
	ReclaimFill          float64       // share of max from which on reclaiming matters, in percent
	ReclaimWarn          float64       // share of the flows that could go, in percent

	// By conntrack(8)'s word: events a second from which on a counter that
	// moves is worth a warning, and is wrong. Absent: never.
	CounterWarn, CounterFail map[string]float64

	IdleHour uint64 // ESTABLISHED flows without a packet for an hour
	UDPFlows uint64 // UDP flows of long-lived protocols that a short timeout may cut
}

// anyMove is a rate below one move in the longest look that makes sense.
const anyMove = 1e-9

// DefaultLimits are sane ones.
var DefaultLimits = Limits{
	QueueWarn: time.Second,
	FillWarn:  80, FillFail: 95,
	FullWarn: 10 * time.Minute, GrowthMin: 0.1,
	ChainWarn: 4, ChainFail: 16,
	ReclaimFill: 50, ReclaimWarn: 50,
	CounterWarn: map[string]float64{
		"insert_failed": anyMove, "drop": anyMove, "early_drop": anyMove, "chaintoolong": anyMove,
		"clash_resolve": 10, "search_restart": 1000, "invalid": 10, "error": 10,
	},
	CounterFail: map[string]float64{"insert_failed": 10, "drop": anyMove, "early_drop": anyMove, "chaintoolong": anyMove},
	IdleHour:    1000,
	UDPFlows:    10,
}
