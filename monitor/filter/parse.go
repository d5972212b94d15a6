package filter

import (
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Env is what a filter may need to know of the world. The zero Env knows
// nothing, and works.
type Env struct {
	Labels map[string]int       // bit numbers of the connection labels that have names (connlabel.conf)
	Values func(Field) []string // values that are about, for completion: what the table has seen
	Now    func() monitor.Time  // for ages, where an event has no time; nil: such ages are unknown
}

// Parse reads a filter. The empty text wants everything. Any error is an *Error.
func Parse(text string) (Expr, error) { return Env{}.Parse(text) }

// ParseArgs reads a filter that stands in several arguments of a command line;
// columns of errors are those of the arguments joined with spaces.
func ParseArgs(args []string) (Expr, error) { return Parse(strings.Join(args, " ")) }

// Parse is [Parse] with names of labels.
func (env Env) Parse(text string) (Expr, error) {
	p := parser{env: env, text: text, tokens: lex(text)}
	p.expect(want{what: wantTerm})
	if p.peek().kind == tokEnd {
		return Const(true), nil
	}
	x, err := p.expr(powerOr)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.stray(t)
	}
	return x, nil
}

// How tightly what joins two parts binds them. A not binds tighter than all.
const (
	powerNone = iota
	powerOr
	powerAnd
)

// maxDepth is how deep brackets and nots may nest.
const maxDepth = 200

// parser reads the tokens by precedence climbing (Pratt): expr reads a prefix and
// then, as long as what follows binds tightly enough, more parts.
type parser struct {
	env    Env
	text   string
	tokens []token
	at     int
	depth  int
	open   int    // brackets that are open
	wants  []want // what could have come where the text ended
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) accept(op string) bool {
	if p.peek().is(op) {
		p.at++
		return true
	}
	return false
}

func (p *parser) fail(t token, msg string) *Error {
	if t.kind == tokBad {
		msg = t.text
	}
	return newError(p.text, t.pos, t.end, msg)
}

func (p *parser) expr(power int) (Expr, error) {
	x, err := p.prefix()
	if err != nil {
		return nil, err
	}
	run, runs := []Expr{x}, powerNone
	for {
		joins := p.joiner()
		if joins == powerNone || joins < power {
			return join(runs, run), nil
		}
		right, err := p.expr(joins + 1)
		if err != nil {
			return nil, err
		}
		if runs != joins {
			run, runs = []Expr{join(runs, run)}, joins
		}
		run = append(run, right)
	}
}

func join(power int, parts []Expr) Expr {
	if power == powerOr {
		return AnyOf(parts...)
	}
	return AllOf(parts...)
}

// joiner looks at what joins the next part, and eats it unless it is an or that
// the caller may not take; the part itself stays. Two parts side by side are
// joined by and.
func (p *parser) joiner() int {
	p.expect(want{what: wantJoin})
	t := p.peek()
	if t.kind == tokOp {
		switch t.text {
		case "&&":
			return powerAnd
		case "||":
			return powerOr
		case "(", "!":
			return powerAnd
		}
		return powerNone
	}
	if t.kind != tokAtom {
		return powerNone
	}
	if fold(t.text) == "or" {
		return powerOr
	}
	return powerAnd
}

// prefix reads one part, with the and, or or && before it.
func (p *parser) prefix() (Expr, error) {
	if p.at > 0 && isJoin(p.peek()) {
		p.next()
		if t := p.peek(); isJoin(t) {
			return nil, p.fail(t, "two joining words in a row")
		}
	}
	p.expect(want{what: wantTerm})
	t := p.next()
	switch {
	case t.kind == tokEnd:
		err := p.fail(t, "the filter ends too early")
		err.Expected = []string{"a condition"}
		return nil, p.lacks(err, "a condition")
	case t.is("("):
		return p.bracket(t)
	case t.is("!"), t.kind == tokAtom && fold(t.text) == "not":
		if p.depth++; p.depth > maxDepth {
			return nil, p.fail(t, "nested too deep")
		}
		x, err := p.prefixAfterNot()
		p.depth--
		if err != nil {
			return nil, err
		}
		return Negate(x), nil
	case t.kind == tokAtom && !isJoin(t):
		return p.term(t)
	case t.kind == tokAtom || t.kind == tokOp:
		err := p.fail(t, "a condition should stand here")
		err.Expected = []string{"a condition"}
		return nil, err
	case t.kind == tokString:
		return nil, p.fail(t, "a text alone says nothing; write helper "+strconv.Quote(t.text))
	}
	return nil, p.fail(t, "")
}

// prefixAfterNot is prefix, but no joining word may come between.
func (p *parser) prefixAfterNot() (Expr, error) {
	if t := p.peek(); isJoin(t) {
		return nil, p.fail(t, "a condition should stand here")
	}
	return p.prefix()
}

func isJoin(t token) bool {
	if t.kind == tokAtom {
		w := fold(t.text)
		return w == "and" || w == "or"
	}
	return t.is("&&") || t.is("||")
}

func (p *parser) bracket(open token) (Expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(open, "nested too deep")
	}
	p.open++
	if isJoin(p.peek()) {
		return nil, p.fail(p.peek(), "a condition should stand here")
	}
	x, err := p.expr(powerOr)
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		t := p.peek()
		if t.kind == tokEnd {
			return nil, p.fail(open, "the bracket is not closed")
		}
		return nil, p.stray(t)
	}
	p.open--
	p.depth--
	return x, nil
}

// stray reports a token with which no condition can go on.
func (p *parser) stray(t token) *Error {
	switch {
	case t.is(")"):
		return p.fail(t, "no bracket is open")
	case t.is(",") || t.is(".."):
		return p.fail(t, "this stands between values")
	case t.is("{") || t.is("}"):
		return p.fail(t, "a set stands after a field: dport {80,443}")
	case t.kind == tokString:
		return p.fail(t, "a text alone says nothing")
	}
	return p.fail(t, "a comparison needs a field before it: dport > 1023")
}

// lacks says what is missing after the last token.
func (p *parser) lacks(err *Error, what string) *Error {
	if p.at > 0 {
		last := p.tokens[min(p.at, len(p.tokens)-1)]
		for i := p.at; i >= 0 && last.kind == tokEnd; i-- {
			last = p.tokens[i]
		}
		if last.kind != tokEnd {
			err.Msg = what + " should follow " + strconv.Quote(p.text[last.pos:last.end])
		}
	}
	return err
}

// term reads what a word begins: a word of its own, or a field and its values.
func (p *parser) term(t token) (Expr, error) {
	word := fold(t.text)
	if word == "has" {
		return p.has()
	}
	if f, ok := p.qualified(word); ok {
		return p.test(f, t)
	}
	if f, ok := fieldOf(word); ok {
		return p.field(f, t)
	}
	if x, ok := bareWords[word]; ok {
		return x, nil
	}
	if word == "msg.nat" || strings.HasPrefix(word, "msg.") {
		if f, ok := fieldByName[strings.TrimPrefix(word, "msg.")]; ok {
			return nil, p.fail(t, "every message bears it: write "+f.String())
		}
	}
	return nil, p.unknown(t)
}

// fieldOf finds a field by its word, with or without the prefix "msg.".
func fieldOf(word string) (Field, bool) {
	if f, ok := fieldByName[word]; ok {
		return f, true
	}
	if rest, ok := strings.CutPrefix(word, "msg."); ok {
		if f, ok := fieldByName[rest]; ok && f.info().attrs != 0 && f != FieldAge {
			return f | Sent, true
		}
	}
	return FieldNone, false
}

// qualified reads tcpdump's "src port", "dst host", "src net" and the like.
func (p *parser) qualified(word string) (Field, bool) {
	if word != "src" && word != "dst" || p.peek().kind != tokAtom {
		return FieldNone, false
	}
	var f Field
	switch fold(p.peek().text) {
	case "host", "net":
		f = FieldOrigSrc
	case "port", "portrange":
		f = FieldOrigSPort
	default:
		return FieldNone, false
	}
	p.next()
	if word == "dst" {
		f++ // the destination follows the source
	}
	return f, true
}

func (p *parser) has() (Expr, error) {
	p.expect(want{what: wantHas})
	t := p.next()
	if t.kind == tokAtom {
		f, ok := fieldOf(fold(t.text))
		if ok && f.info().attrs != 0 {
			return Has{f}, nil
		}
		if ok {
			return nil, p.fail(t, "every event has it")
		}
		err := p.fail(t, "no field has this name")
		err.Suggestion = nearest(t.text, hasWords)
		return nil, err
	}
	return nil, p.fail(t, "the name of a field should follow has")
}

// field reads the rest of a condition that begins with a field's name. Some
// fields say something alone.
func (p *parser) field(f Field, t token) (Expr, error) {
	switch f &^ Sent {
	case FieldMaster:
		return Has{f}, nil
	case FieldInferred:
		return Cmp{f, 0, Eq, []Range{{1, 1}}}, nil
	case FieldNAT:
		p.expect(want{what: wantValue, field: f})
		n := p.peek()
		_, isBit := natWords[fold(n.text)]
		if n.kind != tokAtom && (n.kind != tokOp || !isComparison(n.text)) && !n.is("{") || n.kind == tokAtom && !isBit && fold(n.text) != "in" {
			return Cmp{f, natKinds, Ne, []Range{{}}}, nil
		}
	}
	return p.test(f, t)
}

func isComparison(op string) bool {
	switch op {
	case "=", "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// test reads a comparison after its field: [& mask] [operator] values.
func (p *parser) test(f Field, name token) (Expr, error) {
	p.expect(want{what: wantValue, field: f})
	side := f.info().kind == kindAddr && (fold(name.text) == "src" || fold(name.text) == "dst")
	p.expect(want{what: wantOperator, field: f, qualifies: side && p.tokens[p.at-1] == name})
	var mask uint64
	if p.accept("&") {
		var err *Error
		if mask, err = p.mask(f, p.tokens[p.at-1]); err != nil {
			return nil, err
		}
		p.expect(want{what: wantOperator, field: f, masked: true})
		switch n := p.peek(); {
		case n.kind == tokOp && (n.text[0] == '<' || n.text[0] == '>'):
			return nil, p.fail(n, "after a mask comes == or !=")
		case (n.kind != tokOp || !isComparison(n.text)) && !isIn(n) && !p.isNotIn():
			return newCmp(f, mask, Ne, []Range{{}}), nil
		}
	}
	op, err := p.operator(f)
	if err != nil {
		return nil, err
	}
	if f.info().kind == kindHex && mask == 0 {
		if x, ok, err := p.slashMask(f, op); ok || err != nil {
			return x, err
		}
	}
	return p.values(f, mask, op)
}

// mask reads what follows the &.
func (p *parser) mask(f Field, and token) (uint64, *Error) {
	if !f.info().kind.masked() {
		return 0, p.fail(and, "only mark, status and keys can be masked")
	}
	t := p.next()
	if t.kind != tokAtom {
		return 0, p.fail(t, "a mask should follow: mark & 0xff")
	}
	v, err := p.number(f, t, f.info().max)
	if err == nil && v == 0 {
		err = p.fail(t, "a mask of 0 leaves nothing to compare")
	}
	return v, err
}

// slashMask reads conntrack(8)'s way to write a mask: mark 0x10/0xff.
func (p *parser) slashMask(f Field, op Op) (Expr, bool, error) {
	t := p.peek()
	i := strings.IndexByte(t.text, '/')
	if t.kind != tokAtom || i < 0 {
		return nil, false, nil
	}
	p.next()
	value := token{tokAtom, t.text[:i], t.pos, t.pos + i}
	behind := token{tokAtom, t.text[i+1:], t.pos + i + 1, t.end}
	v, err := p.number(f, value, f.info().max)
	if err != nil {
		return nil, true, err
	}
	mask, err := p.number(f, behind, f.info().max)
	if err != nil {
		return nil, true, err
	}
	if op != Eq && op != Ne {
		return nil, true, p.fail(t, "a masked value is compared with == or !=")
	}
	if mask == 0 {
		return nil, true, p.fail(behind, "a mask of 0 leaves nothing to compare")
	}
	if v&^mask != 0 {
		return nil, true, p.fail(value, "has bits outside the mask: never true")
	}
	return newCmp(f, mask, op, []Range{{v, v}}), true, nil
}

func isIn(t token) bool { return t.kind == tokAtom && fold(t.text) == "in" }

func (p *parser) isNotIn() bool {
	t := p.peek()
	return t.kind == tokAtom && fold(t.text) == "not" && isIn(p.tokens[p.at+1])
}

// operator reads what stands between a field and its values; nothing is ==.
func (p *parser) operator(f Field) (Op, *Error) {
	t := p.peek()
	if t.kind == tokAtom {
		switch fold(t.text) {
		case "in":
			p.next()
			return Eq, nil
		case "not":
			if p.isNotIn() {
				p.at += 2
				return Ne, nil
			}
		}
		return Eq, nil
	}
	if t.kind != tokOp || !isComparison(t.text) {
		return Eq, nil
	}
	p.next()
	switch t.text {
	case "!=":
		return Ne, nil
	case "=", "==":
		return Eq, nil
	}
	if !f.info().kind.ordered() {
		return Eq, p.fail(t, f.String()+" has no order: use ==, != or in")
	}
	switch t.text {
	case "<":
		return Lt, nil
	case "<=":
		return Le, nil
	case ">":
		return Gt, nil
	}
	return Ge, nil
}

// values reads one value or several and makes the comparison.
func (p *parser) values(f Field, mask uint64, op Op) (Expr, error) {
	items, err := p.items(f)
	if err != nil {
		return nil, err
	}
	if op != Eq && op != Ne && (len(items) != 1 || items[0].hi.kind != tokEnd) {
		return nil, p.fail(items[0].lo, "one value is compared with "+op.String()+", not several")
	}
	switch f.info().kind {
	case kindAddr:
		var set []netip.Prefix
		for _, it := range items {
			nets, err := p.networks(it)
			if err != nil {
				return nil, err
			}
			set = append(set, nets...)
		}
		return newAddr(f, op, set), nil
	case kindText:
		var set []string
		for _, it := range items {
			if it.hi.kind != tokEnd {
				return nil, p.fail(it.hi, "texts have no range")
			}
			set = append(set, it.lo.text)
		}
		return newText(f, op, set), nil
	case kindStatus, kindNAT:
		if mask == 0 {
			return p.bits(f, op, items)
		}
	}
	var set []Range
	for _, it := range items {
		r, err := p.ranges(f, it)
		if err != nil {
			return nil, err
		}
		if mask != 0 && (r[0].Lo&^mask != 0 || r[0].Hi&^mask != 0) {
			return nil, p.fail(it.lo, "has bits outside the mask: never true")
		}
		set = append(set, r...)
	}
	return newCmp(f, mask, op, set), nil
}

// item is one value, or a range of two.
type item struct{ lo, hi token }

// items reads a value, a range, several with commas, or a set in braces.
func (p *parser) items(f Field) ([]item, *Error) {
	braces := p.accept("{")
	var out []item
	for {
		p.expect(want{what: wantValue, field: f})
		it, err := p.item(f)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
		if braces {
			p.expect(want{what: wantInSet})
		}
		if p.accept(",") {
			continue
		}
		if !braces {
			return out, nil
		}
		if p.accept("}") {
			return out, nil
		}
		t := p.peek()
		if t.kind == tokEnd {
			return nil, p.fail(t, "the set is not closed with }")
		}
		return nil, p.fail(t, "values of a set are parted by commas")
	}
}

func (p *parser) item(f Field) (item, *Error) {
	lo, err := p.value(f)
	if err != nil {
		return item{}, err
	}
	if !p.accept("..") {
		return item{lo: lo}, nil
	}
	hi, err := p.value(f)
	return item{lo, hi}, err
}

// value takes the token of a value; what it means is looked at later.
func (p *parser) value(f Field) (token, *Error) {
	t := p.peek()
	if t.kind == tokString || t.kind == tokAtom && !isJoin(t) && fold(t.text) != "not" && !isIn(t) {
		return p.next(), nil
	}
	err := p.fail(t, f.info().kind.noun()+" should stand here")
	err.Expected = f.info().kind.examples()
	if t.kind == tokEnd {
		p.lacks(err, f.info().kind.noun())
	}
	return t, err
}

// unknown reports a word that nothing begins with.
func (p *parser) unknown(t token) *Error {
	if c := t.text[0]; c >= '0' && c <= '9' || strings.Contains(t.text, ":") {
		return p.loose(t)
	}
	err := p.fail(t, "unknown word")
	words := termWords
	if p.at > 1 {
		words = append(append([]string{}, termWords...), "and", "or")
	}
	err.Suggestion = nearest(t.text, words)
	err.Expected = []string{"a condition"}
	return err
}

// loose reports a value that stands where a condition should.
func (p *parser) loose(t token) *Error {
	if p.at > 1 {
		if last := p.tokens[p.at-2]; last.kind == tokAtom && last.text[0] >= '0' && last.text[0] <= '9' {
			return p.fail(t, "a value needs a field; several values are written "+last.text+","+t.text)
		}
	}
	if _, err := netip.ParsePrefix(t.text); err == nil {
		return p.fail(t, "an address needs a field: net "+t.text)
	}
	if _, err := netip.ParseAddr(t.text); err == nil {
		return p.fail(t, "an address needs a field: host "+t.text)
	}
	return p.fail(t, "a value needs a field: port "+t.text)
}
