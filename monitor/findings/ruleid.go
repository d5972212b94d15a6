package findings

// ruleID is an index into rules.
type ruleID uint8

const (
	ruleSyn ruleID = iota
	ruleSynHost
	ruleHalfOpen
	ruleOneSided
	ruleDNATStale
	ruleDNATMissed
	ruleHairpin
	ruleSNATPorts
	ruleSNATClash
	ruleSNATGone
	ruleManyFlows
	ruleManyDestinations
	ruleDNSRace
	ruleDNSClash
	ruleIdle
	numRules

	// The rules about rates are evaluated at the end of a window, the others at the end of
	// a scan.
	firstRate = ruleManyFlows
	numRates  = ruleIdle - firstRate
)
