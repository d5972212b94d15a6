package pcapng

import (
	"math/big"

	"natlens/monitor"
)

// clock is how an interface counts time.
type clock struct {
	unit  byte  // if_tsresol: 10^-unit seconds, with the top bit 2^-unit
	shift int64 // if_tsoffset, seconds
}

// time returns 0 for an impossible time.
func (c clock) time(t uint64) monitor.Time {
	const limit = 9e18 // the year 2255
	if c == (clock{unit: 9}) && t <= limit {
		return monitor.Time(t)
	}
	second := big.NewInt(1e9)
	ns := new(big.Int).SetUint64(t)
	ns.Mul(ns, second)
	if n := uint(c.unit & 0x7f); c.unit&0x80 != 0 {
		ns.Rsh(ns, n)
	} else {
		ns.Quo(ns, new(big.Int).Exp(big.NewInt(10), new(big.Int).SetUint64(uint64(n)), nil))
	}
	ns.Add(ns, second.Mul(second, big.NewInt(c.shift)))
	if ns.Sign() < 0 || !ns.IsInt64() || ns.Int64() > limit {
		return 0
	}
	return monitor.Time(ns.Int64())
}
