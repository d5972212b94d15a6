package export

import "natlens/monitor"

// digits are the two-digit numbers, one after the other.
const digits = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// appendUint appends n in decimal.
func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 10:
		return append(b, '0'+byte(n))
	case n < 100:
		return append(b, digits[2*n], digits[2*n+1])
	}
	var text [20]byte
	i := len(text)
	for n >= 100 {
		q := n / 100
		r := (n - q*100) * 2
		i -= 2
		text[i], text[i+1] = digits[r], digits[r+1]
		n = q
	}
	if n >= 10 {
		i -= 2
		text[i], text[i+1] = digits[2*n], digits[2*n+1]
	} else {
		i--
		text[i] = '0' + byte(n)
	}
	return append(b, text[i:]...)
}

// appendInt appends n in decimal.
func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendUint(append(b, '-'), -uint64(n))
	}
	return appendUint(b, uint64(n))
}

// appendHex appends n in lower-case hex without leading zeros or prefix.
func appendHex(b []byte, n uint64) []byte {
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

// octets holds the decimal text of every byte with a dot behind it, and its
// length: four bytes that can be copied as one word.
var octets = func() (t [256]struct {
	text [4]byte
	len  uint8
}) {
	for i := range t {
		o := append(appendUint(t[i].text[:0], uint64(i)), '.')
		t[i].len = uint8(len(o))
	}
	return t
}()

// appendAddr appends an address of the family as RFC 5952 writes it.
func appendAddr(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family == monitor.IPv6 {
		return appendIPv6(b, a)
	}
	return appendIPv4(b, a)
}

func appendIPv4(b []byte, a *monitor.Addr) []byte {
	var text [16]byte
	i := 0
	for _, c := range a[12:16] {
		o := &octets[c]
		*(*[4]byte)(text[i : i+4]) = o.text
		i += int(o.len)
	}
	return append(b, text[:i-1]...)
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

// appendNtop appends an address as inet_ntop(3) of glibc writes it: that is how
// RFC 5952 does it, but an IPv4-compatible address (::0:0/96) is dotted too.
func appendNtop(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family != monitor.IPv6 {
		return appendIPv4(b, a)
	}
	if from, to := zeroRun(a); from == 0 && to == 6 {
		return appendIPv4(append(b, "::"...), a)
	}
	return appendIPv6(b, a)
}
