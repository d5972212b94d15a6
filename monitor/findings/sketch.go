package findings

import (
	"math"
	"math/bits"
)

// distinct counts distinct things by linear counting (Whang, Vander-Zanden,
// Taylor 1990): each sets a bit by its hash, and the bits that are still 0 tell
// how many things there were. With 1024 bits the standard error is 3 % at 500
// things, 4 % at 2,000 and 7 % at 5,000.
type distinct [16]uint64

// mostDistinct is up to how many things a distinct counts well.
const mostDistinct = 5000

// add counts a thing by its hash.
func (d *distinct) add(h uint64) { d[h>>60] |= 1 << (h >> 54 & 63) }

// estimate tells how many things there were.
func (d *distinct) estimate() float64 { return linear(d[:]) }

// linear is the estimate of linear counting: m ln(m / zeros).
func linear(words []uint64) float64 {
	set := 0
	for _, w := range words {
		set += bits.OnesCount64(w)
	}
	m := float64(64 * len(words))
	return m * math.Log(m/max(m-float64(set), 1))
}

// crowd is a distinct for very many things: 65,536 bits, up to 700,000 things
// with an error below 5 %; of more it says 700,000.
type crowd [1024]uint64

func (c *crowd) add(h uint64)      { c[h>>54] |= 1 << (h >> 48 & 63) }
func (c *crowd) estimate() float64 { return linear(c[:]) }
