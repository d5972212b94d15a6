package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// FromFlags translates conntrack(8)'s filter flags into a filter. All of them
// must hold, as there.
//
// The filter compares what conntrack(8) compares: attributes that the message
// itself bore (the fields with "msg."), so that an UPDATE without a state matches
// no --state. It differs where conntrack(8) 1.4.7 is wrong:
//
//   - -n and -g match flows whose source or destination moved. conntrack(8) takes
//     the id and the type of an ICMP flow for ports, and matches every ping that
//     has passed the nat hooks.
//   - -n, -g and -j compare IPv6 addresses; conntrack(8) compares IPv4 ones only.
//   - -u with both plain and negated names asks for all of them; conntrack(8)
//     hands the kernel a mask that leaves the plain ones out.
//   - keys of GRE are compared; conntrack(8) ignores them.
//
// And it accepts more: SCTP's tags and the DCCP role, networks for -r, -q, -n, -g and -j, ranges and lists of
// ports, names of states in any case, ports without -p.
func (env Env) FromFlags(values []FlagValue) (Selection, error) {
	t := translation{env: env, masks: map[string]string{}}
	for _, v := range values {
		f, ok := FlagByName(v.Name)
		if !ok {
			return Selection{}, &FlagError{Flag: v.Name, Msg: "no filter flag of conntrack(8)"}
		}
		if !f.Repeats && slices.Contains(t.seen, f.Name) {
			return Selection{}, &FlagError{Flag: v.Name, Msg: "given twice"}
		}
		t.seen = append(t.seen, f.Name)
		if strings.HasPrefix(f.Name, "mask-") {
			t.masks[f.Name] = v.Value
		}
	}
	if err := t.together(); err != nil {
		return Selection{}, err
	}
	// The protocol first: what some values mean depends on it.
	for _, pass := range []bool{true, false} {
		for _, v := range values {
			f, _ := FlagByName(v.Name)
			if (f.Name == "proto" || f.Name == "family") == pass {
				if err := t.flag(f, v); err != nil {
					return Selection{}, err
				}
			}
		}
	}
	return Selection{AllOf(t.out...), t.kinds}, nil
}

// translation collects what the flags say.
type translation struct {
	env      Env
	seen     []string
	out      []Expr
	kinds    KindSet
	proto    monitor.Proto
	hasProto bool
	family   monitor.Family
	masks    map[string]string // --mask-src and --mask-dst
}

func (t *translation) add(x Expr) { t.out = append(t.out, x) }

var flagFields = map[string]Field{
	"reply-src": FieldReplySrc, "reply-dst": FieldReplyDst,
	"orig-port-src": FieldOrigSPort, "orig-port-dst": FieldOrigDPort,
	"reply-port-src": FieldReplySPort, "reply-port-dst": FieldReplyDPort,
	"icmp-type": FieldICMPType, "icmp-code": FieldICMPCode, "icmp-id": FieldICMPID,
	"orig-key-src": FieldOrigSrcKey, "orig-key-dst": FieldOrigDstKey,
	"reply-key-src": FieldReplySrcKey, "reply-key-dst": FieldReplyDstKey,
	"orig-vtag": FieldOrigVTag | Sent, "reply-vtag": FieldReplyVTag | Sent, "role": FieldRole | Sent,
	"timeout": FieldTimeout | Sent, "id": FieldID,
}

func (t *translation) flag(f *Flag, v FlagValue) error {
	if v.Value == "" && !f.Optional {
		return &FlagError{Flag: v.Name, Msg: "needs a value: " + f.Arg}
	}
	switch f.Name {
	case "family":
		return t.setFamily(v)
	case "proto":
		return t.setProto(v)
	case "orig-src":
		return t.masked(v, FieldOrigSrc, "mask-src")
	case "orig-dst":
		return t.masked(v, FieldOrigDst, "mask-dst")
	case "mask-src", "mask-dst": // read with their addresses
	case "state":
		return t.state(v)
	case "src-nat", "dst-nat", "any-nat":
		return t.nat(f, v)
	case "mark":
		return t.mark(v)
	case "label":
		return t.labels(v)
	case "zone", "orig-zone", "reply-zone":
		return t.zone(f, v)
	case "status":
		return t.status(v)
	case "event-mask":
		return t.events(v)
	default:
		return t.field(f, v)
	}
	return nil
}

// field translates a flag that names one field of the language.
func (t *translation) field(f *Flag, v FlagValue) error {
	field := flagFields[f.Name]
	if err := t.suits(f, v); err != nil {
		return err
	}
	x, err := t.values(field, v)
	if err != nil {
		return err
	}
	if a, ok := x.(Addr); ok {
		if err := t.sameFamily(v, a.Set[0].Addr()); err != nil {
			return err
		}
	}
	t.add(x)
	return nil
}

// values reads a flag's value as the language reads that of the field.
func (t *translation) values(field Field, v FlagValue) (Expr, error) {
	p := parser{env: t.env, text: v.Value, tokens: lex(v.Value)}
	x, err := p.values(field, 0, Eq)
	if err == nil && p.peek().kind != tokEnd {
		err = p.fail(p.peek(), "not "+field.info().kind.noun)
	}
	if e, ok := err.(*Error); ok {
		return nil, &FlagError{v.Name, v.Value, e.Msg, e.Suggestion}
	}
	return x, err
}

// suits reports a flag that the protocol given by -p knows nothing of.
func (t *translation) suits(f *Flag, v FlagValue) error {
	if !t.hasProto {
		return nil
	}
	ok, what := true, ""
	switch {
	case strings.Contains(f.Name, "-port-"):
		ok, what = t.proto.HasPorts(), "ports"
	case strings.HasPrefix(f.Name, "icmp-"):
		ok, what = t.proto.IsICMP(), "ICMP types"
	case strings.Contains(f.Name, "-key-"):
		ok, what = t.proto == monitor.GRE, "keys"
	case strings.HasSuffix(f.Name, "-vtag"):
		ok, what = t.proto == monitor.SCTP, "verification tags"
	case f.Name == "role":
		ok, what = t.proto == monitor.DCCP, "roles"
	case f.Name == "state":
		ok, what = t.proto.HasState(), "states"
	}
	if !ok {
		return &FlagError{Flag: v.Name, Msg: "protocol " + t.proto.String() + " has no " + what}
	}
	return nil
}

func (t *translation) setFamily(v FlagValue) error {
	switch v.Value {
	case "ipv4":
		t.family = monitor.IPv4
	case "ipv6":
		t.family = monitor.IPv6
	default:
		return &FlagError{v.Name, v.Value, "not ipv4 or ipv6", nearest(v.Value, []string{"ipv4", "ipv6"})}
	}
	t.add(newCmp(FieldFamily, 0, Eq, []Range{{uint64(t.family), uint64(t.family)}}))
	return nil
}

// sameFamily reports addresses of two families: no flow has both.
func (t *translation) sameFamily(v FlagValue, a netip.Addr) error {
	family := monitor.IPv6
	if a.Is4() {
		family = monitor.IPv4
	}
	if t.family != 0 && t.family != family {
		return &FlagError{Flag: v.Name, Value: v.Value, Msg: "an " + family.String() + " address beside " + t.family.String()}
	}
	t.family = family
	return nil
}

func (t *translation) setProto(v FlagValue) error {
	x, err := t.values(FieldProto, v)
	if err != nil {
		return err
	}
	c := x.(Cmp)
	if !c.single() {
		return &FlagError{Flag: v.Name, Value: v.Value, Msg: "one protocol, please; the filter language knows sets"}
	}
	t.proto, t.hasProto = monitor.Proto(c.Set[0].Lo), true
	t.add(x)
	return nil
}

func (t *translation) state(v FlagValue) error {
	f, _ := FlagByName("state")
	if err := t.suits(f, v); err != nil {
		return err
	}
	set := stateSet(v.Value)
	names := upper(kindState.sorted())
	if t.hasProto {
		names = monitor.StateNames(t.proto)
		known := slices.ContainsFunc(set, func(r Range) bool { return monitor.Proto(r.Lo>>8) == t.proto })
		if !known {
			set = nil
		}
	}
	if set == nil {
		msg := "not a state"
		if t.hasProto {
			msg = "not a state of " + t.proto.String() + ": " + strings.Join(names, ", ")
		}
		return &FlagError{v.Name, v.Value, msg, nearest(v.Value, names)}
	}
	t.add(newCmp(FieldState|Sent, 0, Eq, set))
	return nil
}

func (t *translation) mark(v FlagValue) error {
	number := func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 0, 32)
		if err != nil {
			return 0, &FlagError{Flag: v.Name, Value: v.Value, Msg: "not a mark: MARK[/MASK], each up to 0xffffffff"}
		}
		return n, nil
	}
	value, mask, masked := strings.Cut(v.Value, "/")
	n, err := number(value)
	if err != nil {
		return err
	}
	if !masked {
		t.add(newCmp(FieldMark|Sent, 0, Eq, []Range{{n, n}}))
		return nil
	}
	m, err := number(mask)
	switch {
	case err != nil:
		return err
	case n&^m != 0: // conntrack(8) takes it, and matches nothing
		t.add(Const(false))
	case m == 0: // any mark, if there is one
		t.add(Has{FieldMark | Sent})
	default:
		t.add(newCmp(FieldMark|Sent, m, Eq, []Range{{n, n}}))
	}
	return nil
}

func (t *translation) labels(v FlagValue) error {
	for _, name := range strings.Split(v.Value, ",") {
		p := parser{env: t.env, text: name, tokens: []token{{kind: tokEnd}}}
		bit, err := p.scalar(FieldLabel, token{tokAtom, name, 0, len(name)})
		if err != nil {
			msg := "no such label"
			if t.env.Nameless != nil {
				msg += ": labels have no names here (" + t.env.Nameless.Error() + ")"
			}
			return &FlagError{v.Name, name, msg, err.Suggestion}
		}
		t.add(newCmp(FieldLabel|Sent, 0, Eq, []Range{{bit, bit}}))
	}
	return nil
}

// zone compares the attribute of that zone, 0 where it is absent. For another
// zone than 0 that is what the language's zone says, which can run in the kernel.
func (t *translation) zone(f *Flag, v FlagValue) error {
	n, err := strconv.ParseUint(v.Value, 0, 16)
	if err != nil {
		return &FlagError{Flag: v.Name, Value: v.Value, Msg: "a zone goes from 0 to 65535"}
	}
	field := map[string]Field{"zone": FieldZone, "orig-zone": FieldOrigZone, "reply-zone": FieldReplyZone}[f.Name]
	if field != FieldZone || n == 0 {
		field |= Sent
	}
	t.add(newCmp(field, 0, Eq, []Range{{n, n}}))
	return nil
}

// status reads names of bits, "!" before one that must not be set. A part of a
// name is enough, as in conntrack(8); names that it does not know follow.
func (t *translation) status(v FlagValue) error {
	for _, name := range strings.Split(v.Value, ",") {
		word, negated := strings.CutPrefix(name, "!")
		full := abbreviated(word, append(slices.Clone(statusWords), upper(monitor.StatusNames())...))
		switch full {
		case "":
			return &FlagError{v.Name, name, "no status bit has this name", nearest(word, statusWords)}
		case "UNSET":
			return &FlagError{v.Name, name, "asks for no bit: it is for making entries", ""}
		case "SRC_NAT", "DST_NAT":
			return &FlagError{v.Name, name, "is not compared by conntrack(8)", "--" + strings.ToLower(full[:3]) + "-nat"}
		}
		c, _ := bitWord(FieldStatus, full)
		op := Eq
		if negated {
			op = Ne
		}
		t.add(newCmp(FieldStatus|Sent, c.Mask, op, c.Set))
	}
	return nil
}

func (t *translation) events(v FlagValue) error {
	for _, name := range strings.Split(v.Value, ",") {
		switch abbreviated(name, []string{"ALL", "NEW", "UPDATES", "DESTROY"}) {
		case "ALL":
			t.kinds |= Kinds(monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy)
		case "NEW":
			t.kinds |= Kinds(monitor.KindNew)
		case "UPDATES":
			t.kinds |= Kinds(monitor.KindUpdate)
		case "DESTROY":
			t.kinds |= Kinds(monitor.KindDestroy)
		default:
			return &FlagError{v.Name, name, "not a kind of event: all, new, update, destroy",
				nearest(name, []string{"all", "new", "update", "destroy"})}
		}
	}
	return nil
}

// abbreviated returns the first word that begins with the given letters, "" for
// none; case does not count.
func abbreviated(letters string, words []string) string {
	for _, w := range words {
		if letters != "" && len(letters) <= len(w) && strings.EqualFold(letters, w[:len(letters)]) {
			return w
		}
	}
	return ""
}

// together reports flags that do not go together.
func (t *translation) together() error {
	has := func(name string) bool { return slices.Contains(t.seen, name) }
	if has("any-nat") && (has("src-nat") || has("dst-nat")) {
		return &FlagError{Flag: "any-nat", Msg: "not together with --src-nat or --dst-nat"}
	}
	for _, side := range []string{"src", "dst"} {
		if has("mask-"+side) && !has("orig-"+side) {
			return &FlagError{Flag: "mask-" + side, Msg: "needs --" + side}
		}
	}
	return nil
}

// masked translates --src or --dst with its mask, if it has one.
func (t *translation) masked(v FlagValue, field Field, maskFlag string) error {
	x, err := t.values(field, v)
	if err != nil {
		return err
	}
	a := x.(Addr)
	if err := t.sameFamily(v, a.Set[0].Addr()); err != nil {
		return err
	}
	mask, masked := t.masks[maskFlag]
	if !masked {
		t.add(a)
		return nil
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.Zone() != "" {
		return &FlagError{Flag: maskFlag, Value: mask, Msg: "not a mask such as 255.255.255.0 or ffff::"}
	}
	if len(a.Set) != 1 || !a.Set[0].IsSingleIP() {
		return &FlagError{Flag: maskFlag, Value: mask, Msg: "the address has a mask already"}
	}
	if m.BitLen() != a.Set[0].Addr().BitLen() {
		return &FlagError{Flag: maskFlag, Value: mask, Msg: "of another family than the address"}
	}
	bits, ok := prefixBits(m)
	if !ok {
		return &FlagError{Flag: maskFlag, Value: mask, Msg: "its ones do not stand together: no network"}
	}
	net, _ := a.Set[0].Addr().Prefix(bits)
	t.add(newAddr(field, Eq, []netip.Prefix{net}))
	return nil
}

// prefixBits counts the ones of a mask; false if a zero stands before a one.
func prefixBits(mask netip.Addr) (int, bool) {
	n, ended := 0, false
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			if b>>i&1 == 0 {
				ended = true
			} else if ended {
				return 0, false
			} else {
				n++
			}
		}
	}
	return n, true
}
