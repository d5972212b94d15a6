package filter

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// comparisons are the spellings of the operators, except "in" and "not in".
var comparisons = map[string]Op{"=": Eq, "==": Eq, "!=": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge}

func (p *parser) isNotIn() bool { return p.peek().isWord("not") && p.tokens[p.at+1].isWord("in") }

// atOperator reports whether the next token is an operator.
func (p *parser) atOperator() bool {
	t := p.peek()
	_, ok := comparisons[t.text]
	return t.kind == tokOp && ok || t.isWord("in") || p.isNotIn()
}

// test reads a comparison after its field: [& mask] [operator] values.
func (p *parser) test(f Field, name token) Expr {
	p.expect(want{what: wantValue, field: f})
	side := f.info().kind == kindAddr && (name.isWord("src") || name.isWord("dst"))
	p.expect(want{what: wantOperator, field: f, qualifies: side && p.tokens[p.at-1] == name})
	var mask uint64
	if p.accept("&") {
		mask = p.mask(f)
		p.expect(want{what: wantOperator, field: f, masked: true})
		if n := p.peek(); n.kind == tokOp && (n.text[0] == '<' || n.text[0] == '>') {
			panic(p.fail(n, "after a mask comes == or !="))
		}
		if !p.atOperator() {
			return newCmp(f, mask, Ne, []Range{{}})
		}
	}
	op := p.operator(f)
	if t := p.peek(); f.info().kind == kindHex && mask == 0 && t.kind == tokAtom && strings.Contains(t.text, "/") {
		return p.slashMask(f, op)
	}
	return p.values(f, mask, op)
}

// mask reads the number after &.
func (p *parser) mask(f Field) uint64 {
	if !f.info().kind.masked {
		panic(p.fail(p.tokens[p.at-1], "only mark, status and keys can be masked"))
	}
	t := p.next()
	if t.kind != tokAtom {
		panic(p.fail(t, "a mask should follow: mark & 0xff"))
	}
	v := must(p.number(f, t, f.info().max))
	if v == 0 {
		panic(p.fail(t, "a mask of 0 leaves nothing to compare"))
	}
	return v
}

// slashMask reads a mask in conntrack(8)'s form: mark 0x10/0xff.
func (p *parser) slashMask(f Field, op Op) Expr {
	t := p.next()
	value, behind := t.cut('/')
	v := must(p.number(f, value, f.info().max))
	mask := must(p.number(f, behind, f.info().max))
	switch {
	case op != Eq && op != Ne:
		panic(p.fail(t, "a masked value is compared with == or !="))
	case mask == 0:
		panic(p.fail(behind, "a mask of 0 leaves nothing to compare"))
	case v&^mask != 0:
		panic(p.fail(value, "has bits outside the mask: never true"))
	}
	return newCmp(f, mask, op, []Range{{v, v}})
}

// operator reads the operator between a field and its values; without one it is ==.
func (p *parser) operator(f Field) Op {
	switch t := p.peek(); {
	case !p.atOperator():
		return Eq
	case p.isNotIn():
		p.at += 2
		return Ne
	case t.kind == tokAtom:
		p.next()
		return Eq
	}
	t := p.next()
	op := comparisons[t.text]
	if op > Ne && !f.info().kind.ordered {
		panic(p.fail(t, f.String()+" has no order: use ==, != or in"))
	}
	return op
}

// values reads the values and returns the comparison.
func (p *parser) values(f Field, mask uint64, op Op) Expr {
	items := p.items(f)
	if op > Ne && (len(items) != 1 || items[0].hi.kind != tokEnd) {
		panic(p.fail(items[0].lo, "one value is compared with "+op.String()+", not several"))
	}
	switch k := f.info().kind; {
	case k == kindAddr:
		set := slices.Concat(mapped(items, func(it item) []netip.Prefix { return p.networks(f, it) })...)
		return newAddr(f, op, set)
	case k == kindText || f.isLookedUp():
		set := mapped(items, func(it item) string {
			if it.hi.kind != tokEnd {
				panic(p.fail(it.hi, "texts have no range"))
			}
			return it.lo.text
		})
		slices.Sort(set)
		return Text{f, op, slices.Compact(set)}
	case k.bits != nil && mask == 0:
		return p.bits(f, op, items)
	}
	var set []Range
	for _, it := range items {
		r := p.ranges(f, it)
		if op > Ne && r[0].Lo != r[0].Hi { // 7-53
			panic(p.fail(it.lo, "one value is compared with "+op.String()+", not several"))
		}
		if mask != 0 && (r[0].Lo&^mask != 0 || r[0].Hi&^mask != 0) {
			panic(p.fail(it.lo, "has bits outside the mask: never true"))
		}
		set = append(set, r...)
	}
	return newCmp(f, mask, op, set)
}

// items reads a value, a range, several separated by commas, or a set in braces.
func (p *parser) items(f Field) (out []item) {
	braces := p.accept("{")
	for {
		p.expect(want{what: wantValue, field: f})
		it := item{lo: p.value(f)}
		if p.accept("..") {
			it.hi = p.value(f)
		}
		out = append(out, it)
		if braces {
			p.expect(want{what: wantInSet})
		}
		switch t := p.peek(); {
		case p.accept(","):
		case !braces || p.accept("}"):
			return out
		case t.kind == tokEnd:
			panic(p.fail(t, "the set is not closed with }"))
		default:
			panic(p.fail(t, "values of a set are parted by commas"))
		}
	}
}

// value returns the token of a value, which is read later.
func (p *parser) value(f Field) token {
	t := p.peek()
	if t.kind == tokString || t.kind == tokAtom && !isJoin(t) && !t.isWord("not") && !t.isWord("in") {
		return p.next()
	}
	if t.kind == tokEnd {
		panic(p.lacks(f.info().kind.noun))
	}
	err := p.fail(t, f.info().kind.noun+" is expected here")
	if isJoin(t) {
		p.rewrite(err, t)
	}
	panic(err)
}

// barePort is a port or a range of ports, in digits.
var barePort = regexp.MustCompile(`^(?:\d+(?:-\d+)?|0x[[:xdigit:]]+)$`)

// bareField returns the field of a value that has none before it: of an address or network host,
// of a number or service port, of a protocol proto.
func bareField(text string) (Field, bool) {
	lo, _, _ := strings.Cut(text, "-")
	if _, ok := parseNetwork(lo); ok {
		return FieldHost, true
	}
	if _, ok := kindPort.named[fold(text)]; ok || barePort.MatchString(text) {
		return FieldPort, true
	}
	return FieldProto, slices.ContainsFunc(kindProto.words, func(w string) bool { return fold(w) == fold(text) })
}

// bare reads values without a field, an address or a protocol with a port, or a shown name. It
// returns nil for every other token.
func (p *parser) bare(t token) Expr {
	if p.env.terse { // a suggestion has fields
		return nil
	}
	if f, ok := bareField(t.text); ok {
		if last := p.tokens[max(0, p.at-2)]; p.at > 1 && last.kind == tokAtom {
			if before, again := bareField(last.text); again && before == f {
				panic(p.fail(t, "two values side by side; for either of them write "+last.text+","+t.text))
			}
		}
		p.at--
		return p.values(f, 0, Eq)
	}
	if x, ok := withPort(t.text); ok {
		return x
	}
	if p.env.Named == nil {
		return nil
	}
	set := mapped(p.env.Named(t.text), func(a monitor.Addr) netip.Prefix {
		return netip.PrefixFrom(a.Netip(), a.Netip().BitLen())
	})
	if len(set) == 0 {
		return nil
	}
	return newAddr(FieldHost, Eq, set)
}

// withPort reads 192.0.2.1:443, [2001:db8::1]:443, tcp:443, tcp/443, 443/tcp, *:443 and :443.
func withPort(text string) (Expr, bool) {
	isProto := func(word string) bool { _, ok := kindProto.named[fold(word)]; return ok }
	proto, port, ok := strings.Cut(text, ":")
	if !ok {
		if proto, port, ok = strings.Cut(text, "/"); isProto(port) {
			proto, port = port, proto
		}
	}
	ap, err := netip.ParseAddrPort(text)
	switch {
	case err == nil:
		text = "host " + ap.Addr().String() + " port " + strconv.Itoa(int(ap.Port()))
	case ok && (proto == "" || proto == "*"):
		text = "port " + port
	case ok && isProto(proto):
		text = "proto " + proto + " port " + port
	default:
		return nil, false
	}
	x, err := Parse(text)
	return x, err == nil
}
