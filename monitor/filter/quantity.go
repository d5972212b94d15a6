package filter

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// quantity reads a sum of numbers with units: 1h30m, 1.5M. A number without
// counts plain.
func (p *parser) quantity(f Field, t token) (uint64, *Error) {
	k := f.info().kind
	var sum uint64
	rest := t.text
	if rest == "" {
		return 0, p.noValue(f, t)
	}
	for rest != "" {
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		m := n
		for m < len(rest) && (rest[m] >= 'a' && rest[m] <= 'z' || rest[m] >= 'A' && rest[m] <= 'Z') {
			m++
		}
		size, ok := k.plain, n > 0
		if m > n {
			size, ok = unitSize(rest[n:m], k.units)
		} else if m < len(rest) || rest != t.text {
			ok = false // a part without a unit, or strange characters
		}
		v, exact := times(rest[:n], size)
		if !ok || n == 0 || !exact {
			return 0, p.noValue(f, t)
		}
		var carry uint64
		if sum, carry = bits.Add64(sum, v, 0); carry != 0 || sum > f.info().max {
			return 0, p.fail(t, "too much: "+f.String()+" goes up to "+k.value(f.info().max))
		}
		rest = rest[m:]
	}
	return sum, nil
}

func unitSize(name string, units []unit) (uint64, bool) {
	for _, u := range units {
		if strings.EqualFold(u.name, name) {
			return u.size, true
		}
	}
	return 0, false
}

// times multiplies a decimal number such as "1.5" exactly; it reports whether
// that gives a whole number, of 64 bits.
func times(decimal string, size uint64) (uint64, bool) {
	whole, frac, _ := strings.Cut(decimal, ".")
	if whole == "" || strings.Contains(frac, ".") || strings.HasSuffix(decimal, ".") || len(frac) > 15 {
		return 0, false
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	hi, v := bits.Mul64(w, size)
	if err != nil || hi != 0 {
		return 0, false
	}
	if frac == "" {
		return v, true
	}
	n, _ := strconv.ParseUint(frac, 10, 64)
	scale := uint64(math.Pow10(len(frac)))
	hi, lo := bits.Mul64(n, size)
	if hi >= scale {
		return 0, false
	}
	part, rem := bits.Div64(hi, lo, scale)
	v, carry := bits.Add64(v, part, 0)
	return v, rem == 0 && carry == 0
}
