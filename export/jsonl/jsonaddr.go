package jsonl

import "natlens/monitor"

// addr returns an address: dotted, or in colons and hex, as RFC 5952 has it.
func (c *cursor) addr() monitor.Addr {
	text := c.text()
	if c.err != nil {
		return monitor.Addr{}
	}
	a, ok := parseAddr(text)
	if !ok {
		c.fail(errAddress)
	}
	return a
}

func parseAddr(text []byte) (monitor.Addr, bool) {
	for _, ch := range text {
		switch ch {
		case '.':
			a, ok := parseIPv4(text)
			return monitor.AddrFrom4(a), ok
		case ':':
			return parseIPv6(text)
		}
	}
	return monitor.Addr{}, false
}

func parseIPv4(text []byte) (a [4]byte, ok bool) {
	octet, value, size := 0, 0, 0
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == '.':
			if size == 0 || octet > 3 {
				return a, false
			}
			a[octet] = byte(value)
			octet, value, size = octet+1, 0, 0
		case text[i]-'0' > 9, size > 0 && value == 0: // 01 is octal to some: to us it is wrong
			return a, false
		default:
			if value, size = value*10+int(text[i]-'0'), size+1; value > 255 {
				return a, false
			}
		}
	}
	return a, octet == 4
}

// parseIPv6 reads groups from the left; gap is where "::" stood, and what came
// behind it is moved to the right at the end.
func parseIPv6(text []byte) (a monitor.Addr, ok bool) {
	n, gap := 0, -1
	if len(text) >= 2 && text[0] == ':' && text[1] == ':' {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 {
		if n == 16 {
			return a, false
		}
		value, size := 0, 0
		for size < len(text) && size < 5 && hexDigit(text[size]) < 16 {
			value, size = value<<4|int(hexDigit(text[size])), size+1
		}
		if size < len(text) && text[size] == '.' { // the last four bytes, dotted
			v4, dotted := parseIPv4(text)
			if !dotted || n > 12 {
				return a, false
			}
			n += copy(a[n:], v4[:])
			break
		}
		if size == 0 || size > 4 {
			return a, false
		}
		a[n], a[n+1] = byte(value>>8), byte(value)
		n += 2
		if text = text[size:]; len(text) == 0 {
			break
		}
		if text[0] != ':' || len(text) == 1 {
			return a, false
		}
		if text = text[1:]; text[0] == ':' {
			if gap >= 0 {
				return a, false
			}
			gap, text = n, text[1:]
		}
	}
	switch {
	case gap < 0:
		return a, n == 16
	case n == 16:
		return a, false
	}
	behind := n - gap
	copy(a[16-behind:], a[gap:n])
	clear(a[gap : 16-behind])
	return a, true
}
