package text

import (
	"encoding/binary"
	"slices"
	"strconv"

	"natlens/monitor"
)

// Pairs are the two-digit numbers.
var Pairs = func() (p [100][2]byte) {
	for i := range p {
		p[i] = [2]byte{'0' + byte(i/10), '0' + byte(i%10)}
	}
	return p
}()

// AppendUint appends n in decimal, three digits at a time.
func AppendUint(b []byte, n uint64) []byte {
	b = Grow(b, 24)
	at := len(b)
	text := b[at : at+24]
	switch {
	case n < 1e3:
		return b[:at+leading(text, n)]
	case n < 1e6:
		i := leading(text, n/1e3)
		*(*[4]byte)(text[i:]) = triples[n%1e3]
		return b[:at+i+3]
	case n < 1e9:
		q := n / 1e3
		i := leading(text, q/1e3)
		*(*[4]byte)(text[i:]) = triples[q%1e3]
		*(*[4]byte)(text[i+3:]) = triples[n%1e3]
		return b[:at+i+6]
	case n < 1e12: // as most ids
		i := leading(text, n/1e9)
		return AppendNanos(b[:at+i], uint32(n%1e9))
	}
	b = AppendUint(b, n/1e9)
	return AppendNanos(b, uint32(n%1e9))
}

// leading writes a number below 1000 at the start of text, which has room for
// four bytes, and returns how many digits it has.
func leading(text []byte, n uint64) int {
	word := leads[n]
	binary.LittleEndian.PutUint32(text, word)
	return int(word >> 24)
}

// leads are the numbers below 1000 without leading zeros, as words of three bytes
// with the number of digits above them: which it is is not to be guessed.
var leads = func() (t [1000]uint32) {
	for i := range t {
		text := make([]byte, 4)
		text[3] = byte(copy(text, strconv.Itoa(i)))
		t[i] = binary.LittleEndian.Uint32(text)
	}
	return t
}()

// triples are the three-digit numbers, as words of four bytes.
var triples = func() (t [1000][4]byte) {
	for i := range t {
		t[i] = [4]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}
	}
	return t
}()

// Grow returns b with place for n bytes more behind its end.
func Grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		return slices.Grow(b, n)
	}
	return b
}

// AppendInt appends n in decimal.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return AppendUint(append(b, '-'), -uint64(n))
	}
	return AppendUint(b, uint64(n))
}

// AppendHex appends n in lower-case hex without leading zeros or prefix.
func AppendHex(b []byte, n uint64) []byte {
	const hex = "0123456789abcdef"
	shift := 60
	for shift > 0 && n>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		b = append(b, hex[n>>shift&15])
	}
	return b
}

// octets holds the decimal text of every byte with a dot behind it, four bytes
// that can be copied as one word, and above them how many of these count.
var octets = func() (t [256]uint64) {
	for i := range t {
		text := make([]byte, 8)
		text[4] = byte(copy(text, append(AppendUint(nil, uint64(i)), '.')))
		t[i] = binary.LittleEndian.Uint64(text)
	}
	return t
}()

// AppendAddr appends an address of the family as RFC 5952 writes it.
func AppendAddr(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family == monitor.IPv6 {
		return appendIPv6(b, a)
	}
	return appendIPv4(b, a)
}

func appendIPv4(b []byte, a *monitor.Addr) []byte {
	i := len(b)
	b = Grow(b, 16)
	text := b[:i+16]
	for _, c := range a[12:16] {
		o := octets[c]
		binary.LittleEndian.PutUint32(text[i:], uint32(o))
		i += int(o >> 32)
	}
	return b[:i-1]
}

// appendIPv6 appends the address with its longest run of at least two zero
// groups, the first of equals, as "::", and a mapped IPv4 address dotted.
func appendIPv6(b []byte, a *monitor.Addr) []byte {
	from, to := zeroRun(a)
	if from == 0 && to == 5 && a[10]&a[11] == 0xff {
		return appendIPv4(append(b, "::ffff:"...), a)
	}
	var text [44]byte // "ffff:" eight times, and room for putGroup
	n := 0
	for i := 0; i < 8; i++ {
		if i == from {
			text[n] = ':'
			if n++; i == 0 {
				text[n] = ':'
				n++
			}
			if i = to; i == 8 {
				return append(b, text[:n]...)
			}
		}
		n += putGroup((*[4]byte)(text[n:n+4]), a[2*i], a[2*i+1])
		text[n] = ':'
		n++
	}
	return append(b, text[:n-1]...)
}

// zeroRun returns the groups [from, to) that "::" stands for, -1 for none.
func zeroRun(a *monitor.Addr) (from, to int) {
	from, to = -1, -1
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && a[2*j]|a[2*j+1] == 0 {
			j++
		}
		if j-i >= 2 && j-i > to-from {
			from, to = i, j
		}
		if j > i {
			i = j
		}
	}
	return from, to
}

// putGroup writes 16 bits in hex without leading zeros and returns their number.
func putGroup(text *[4]byte, hi, lo byte) int {
	const hex = "0123456789abcdef"
	switch {
	case hi >= 0x10:
		text[0], text[1], text[2], text[3] = hex[hi>>4], hex[hi&15], hex[lo>>4], hex[lo&15]
		return 4
	case hi > 0:
		text[0], text[1], text[2] = hex[hi], hex[lo>>4], hex[lo&15]
		return 3
	case lo >= 0x10:
		text[0], text[1] = hex[lo>>4], hex[lo&15]
		return 2
	}
	text[0] = hex[lo]
	return 1
}

// AppendNtop appends an address as inet_ntop(3) of glibc writes it: that is how
// RFC 5952 does it, but an IPv4-compatible address (::0:0/96) is dotted too.
func AppendNtop(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family != monitor.IPv6 {
		return appendIPv4(b, a)
	}
	if from, to := zeroRun(a); from == 0 && to == 6 {
		return appendIPv4(append(b, "::"...), a)
	}
	return appendIPv6(b, a)
}
