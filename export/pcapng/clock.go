package pcapng

import (
	"math/bits"

	"natlens/monitor"
)

// clock is how an interface counts time.
type clock struct {
	unit  byte  // if_tsresol: 10^-unit seconds, with the top bit 2^-unit
	shift int64 // if_tsoffset, seconds
}

// time returns 0 for an impossible time.
func (c clock) time(t uint64) monitor.Time {
	var ns uint64
	if c.unit&0x80 != 0 {
		n := uint(c.unit & 0x7f)
		hi, lo := bits.Mul64(t, 1e9)
		if n < 64 {
			if hi>>n != 0 {
				return 0
			}
			ns = hi<<(64-n) | lo>>n
		} else {
			ns = hi >> (n - 64)
		}
	} else {
		ns = t
		for n := c.unit; n < 9; n++ {
			hi, lo := bits.Mul64(ns, 10)
			if hi != 0 {
				return 0
			}
			ns = lo
		}
		for n := c.unit; n > 9 && ns > 0; n-- {
			ns /= 10
		}
	}
	const limit = 9e18 // the year 2255
	if ns > limit || c.shift > limit/1e9 || c.shift < -limit/1e9 {
		return 0
	}
	sum := int64(ns) + c.shift*1e9
	if sum < 0 {
		return 0
	}
	return monitor.Time(sum)
}
