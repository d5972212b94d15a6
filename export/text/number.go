package text

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"natlens/monitor"
)

// digits has the decimal texts of the numbers below 1000, and from 1000 on those with leading
// zeros: up to three bytes, and their count in the highest byte. Most numbers of events are
// below a million. With this table instead of strconv and netip, a JSON line takes a third less
// time.
var digits = func() (t [2000]uint32) {
	for i := range t {
		word := make([]byte, 4)
		word[3] = byte(copy(word, strconv.Itoa(i)[i/1000:]))
		t[i] = binary.LittleEndian.Uint32(word)
	}
	return t
}()

// put writes the text of digits[n] to the first of four bytes, and returns its length.
func put(text []byte, n uint64) int {
	word := digits[n]
	binary.LittleEndian.PutUint32(text, word)
	return int(word >> 24)
}

// AppendUint appends n in decimal.
func AppendUint(b []byte, n uint64) []byte {
	const most = 12 // bytes below
	b = slices.Grow(b, most)
	at, text := len(b), b[len(b):len(b)+most]
	switch {
	case n < 1e3:
		return b[:at+put(text, n)]
	case n < 1e6:
		size := put(text, n/1e3)
		put(text[size:], 1000+n%1e3)
		return b[:at+size+3]
	case n < 1e9:
		size := put(text, n/1e6)
		put(text[size:], 1000+n/1e3%1e3)
		put(text[size+3:], 1000+n%1e3)
		return b[:at+size+6]
	}
	return AppendNanos(AppendUint(b, n/1e9), uint32(n%1e9))
}

// AppendNanos appends nine digits.
func AppendNanos(b []byte, n uint32) []byte {
	b = slices.Grow(b, 12)
	at, text := len(b), b[len(b):len(b)+12]
	put(text, 1000+uint64(n/1e6))
	put(text[3:], 1000+uint64(n/1e3%1e3))
	put(text[6:], 1000+uint64(n%1e3))
	return b[:at+9]
}

// AppendAddr appends an address of the family as RFC 5952 writes it.
func AppendAddr(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family == monitor.IPv6 {
		return netip.AddrFrom16(*a).AppendTo(b)
	}
	const most = 20 // bytes below
	b = slices.Grow(b, most)
	at, text := len(b), b[:len(b)+most]
	for _, octet := range a[12:] {
		word := octets[octet]
		binary.LittleEndian.PutUint64(text[at:], word)
		at += int(word >> 56)
	}
	return b[:at-1]
}

// octets has the decimal texts of all bytes with a dot after each: up to four bytes, and their count in the highest
// byte.
var octets = func() (t [256]uint64) {
	for i := range t {
		word := make([]byte, 8)
		word[7] = byte(copy(word, strconv.Itoa(i)+"."))
		t[i] = binary.LittleEndian.Uint64(word)
	}
	return t
}()

// AppendNtop appends an address as inet_ntop(3) of glibc writes it: as RFC 5952, but an
// IPv4-compatible address (::a.b.c.d) is dotted too.
func AppendNtop(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family == monitor.IPv6 && [12]byte(a[:12]) == [12]byte{} && a[12]|a[13] != 0 {
		return AppendAddr(append(b, "::"...), a, monitor.IPv4)
	}
	return AppendAddr(b, a, family)
}
