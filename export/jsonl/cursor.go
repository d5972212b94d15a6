package jsonl

import (
	"errors"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"natlens/monitor/replay"
)

// cursor reads one JSON text from left to right, without building anything.
// The first error sticks: everything behind it reads as empty, and loops end.
//
//	for more := c.open('{'); more; more = c.more('}') {
//		switch string(c.name()) {
//		case "mark":
//			mark = c.uint(math.MaxUint32)
//		default:
//			c.skip()
//		}
//	}
type cursor struct {
	b   []byte
	i   int
	err error
}

// The ways in which a line is bad.
var (
	errSyntax  = errors.New("not a JSON object")
	errText    = errors.New("not a JSON string")
	errNumber  = errors.New("not a whole number")
	errRange   = errors.New("number out of range")
	errTime    = errors.New("not a time")
	errAddress = errors.New("not an address")
	errWord    = errors.New("unknown word")
)

func (c *cursor) fail(err error) {
	if c.err == nil {
		if c.i >= len(c.b) && (err == errSyntax || err == errText) {
			err = replay.ErrCut
		}
		c.err = err
	}
}

// peek returns the next byte that is no white space, 0 at the end or after an
// error.
func (c *cursor) peek() byte {
	if c.err != nil {
		return 0
	}
	for c.i < len(c.b) {
		switch ch := c.b[c.i]; ch {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return ch
		}
	}
	return 0
}

// Take goes over one byte that must be next.
func (c *cursor) Take(want byte) bool {
	if c.peek() != want {
		c.fail(errSyntax)
		return false
	}
	c.i++
	return true
}

// open begins an object or a list and reports whether it has a first member.
func (c *cursor) open(bracket byte) bool {
	if !c.Take(bracket) {
		return false
	}
	if c.peek() == bracket+2 { // { } and [ ] are two apart in ASCII
		c.i++
		return false
	}
	return c.err == nil
}

// more goes on behind a member and reports whether there is another one.
func (c *cursor) more(end byte) bool {
	switch c.peek() {
	case ',':
		c.i++
		return true
	case end:
		c.i++
		return false
	}
	c.fail(errSyntax)
	return false
}

// name returns the name of a member and goes behind its colon.
func (c *cursor) name() []byte {
	n := c.text()
	c.Take(':')
	return n
}

// text returns a string's value, which stays in the cursor's memory: escapes are
// undone in place.
func (c *cursor) text() []byte {
	if !c.Take('"') {
		return nil
	}
	for from := c.i; c.i < len(c.b); c.i++ {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return c.b[from : c.i-1 : c.i-1]
		case ch == '\\':
			return c.escapedText(from)
		case ch < 0x20:
			c.fail(errText)
			return nil
		}
	}
	c.fail(errText)
	return nil
}

// escapedText goes on where the first escape stands.
func (c *cursor) escapedText(from int) []byte {
	out := c.b[from:c.i]
	for c.i < len(c.b) {
		ch := c.b[c.i]
		c.i++
		switch {
		case ch == '"':
			return out[:len(out):len(out)]
		case ch < 0x20:
			c.fail(errText)
			return nil
		case ch != '\\':
			out = append(out, ch)
		default:
			if out = c.escape(out); c.err != nil {
				return nil
			}
		}
	}
	c.fail(errText)
	return nil
}

// escape appends what the escape behind a backslash stands for; that is never
// longer than the escape.
func (c *cursor) escape(out []byte) []byte {
	if c.i >= len(c.b) {
		c.fail(errText)
		return out
	}
	ch := c.b[c.i]
	c.i++
	switch ch {
	case '"', '\\', '/':
		return append(out, ch)
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'u':
		return c.unicode(out)
	}
	c.fail(errText)
	return out
}

// notUTF8 is the byte that an escaped U+FFFD is read as. Such an escape stands for
// a byte that was not UTF-8; which one is not known any more. It is written as
// U+FFFD again, and a terminal shows it as \xff, not as a character that the
// kernel never sent.
const notUTF8 = 0xff

func (c *cursor) unicode(out []byte) []byte {
	r := c.hex4()
	if utf16.IsSurrogate(r) && c.i+1 < len(c.b) && c.b[c.i] == '\\' && c.b[c.i+1] == 'u' {
		c.i += 2
		r = utf16.DecodeRune(r, c.hex4())
	}
	if r == utf8.RuneError || utf16.IsSurrogate(r) {
		return append(out, notUTF8)
	}
	return utf8.AppendRune(out, r)
}

func (c *cursor) hex4() (r rune) {
	if c.i+4 > len(c.b) {
		c.fail(errText)
		return 0
	}
	for _, ch := range c.b[c.i : c.i+4] {
		d := hexDigit(ch)
		if d > 15 {
			c.fail(errText)
			return 0
		}
		r = r<<4 | rune(d)
	}
	c.i += 4
	return r
}

// hexDigit returns the value of a hex digit, 255 for anything else.
func hexDigit(ch byte) byte {
	switch {
	case ch >= '0' && ch <= '9':
		return ch - '0'
	case ch >= 'a' && ch <= 'f':
		return ch - 'a' + 10
	case ch >= 'A' && ch <= 'F':
		return ch - 'A' + 10
	}
	return 255
}

// uint returns a whole number that is no larger than limit.
func (c *cursor) uint(limit uint64) (n uint64) {
	c.peek()
	from := c.i
	for ; c.i < len(c.b) && c.b[c.i]-'0' < 10; c.i++ {
		d := uint64(c.b[c.i] - '0')
		if n > (math.MaxUint64-d)/10 {
			c.fail(errRange)
			return 0
		}
		n = n*10 + d
	}
	switch {
	case c.err != nil:
		return 0
	case c.i == from, c.i < len(c.b) && (c.b[c.i] == '.' || c.b[c.i]|0x20 == 'e'):
		c.fail(errNumber)
		return 0
	case n > limit:
		c.fail(errRange)
		return 0
	}
	return n
}

func (c *cursor) uint32() uint32 { return uint32(c.uint(math.MaxUint32)) }
func (c *cursor) uint16() uint16 { return uint16(c.uint(math.MaxUint16)) }
func (c *cursor) uint8() uint8   { return uint8(c.uint(math.MaxUint8)) }

// int32 returns a whole number with a sign.
func (c *cursor) int32() int32 {
	if c.peek() == '-' {
		c.i++
		return int32(-int64(c.uint(-math.MinInt32)))
	}
	return int32(c.uint(math.MaxInt32))
}

// bool returns true or false.
func (c *cursor) bool() bool {
	c.peek()
	switch rest := c.b[c.i:]; {
	case c.err != nil:
	case len(rest) >= 4 && string(rest[:4]) == "true":
		c.i += 4
		return true
	case len(rest) >= 5 && string(rest[:5]) == "false":
		c.i += 5
	default:
		c.fail(errWord)
	}
	return false
}

// skip goes over one value of any kind, however deep. What stands inside is not
// looked at closer than is needed to find its end.
func (c *cursor) skip() {
	for depth := 0; c.err == nil; {
		switch c.peek() {
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		case '"':
			c.text()
		case ',', ':':
			c.i++
		case 0:
			c.fail(errSyntax)
		default:
			c.word()
		}
		if depth <= 0 {
			return
		}
	}
}

// word goes over a number, true, false or null.
func (c *cursor) word() {
	from := c.i
	for ; c.i < len(c.b); c.i++ {
		ch := c.b[c.i]
		if !(ch >= '0' && ch <= '9' || ch|0x20 >= 'a' && ch|0x20 <= 'z' || ch == '+' || ch == '-' || ch == '.') {
			break
		}
	}
	if c.i == from {
		c.fail(errSyntax)
	}
}

// End reports whether the text ends well here.
func (c *cursor) End() error {
	if c.peek() != 0 || c.i < len(c.b) {
		c.fail(errSyntax)
	}
	return c.err
}
