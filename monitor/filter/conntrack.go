package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
)

// FromFlags translates conntrack(8)'s filter flags into the text of a filter and parses it. All
// flags must match.
//
// The filter compares what conntrack(8) compares: attributes of the message itself (the fields
// with "msg."), so an UPDATE without a state matches no --state. It differs where conntrack(8)
// 1.4.9 is wrong:
//
//   - -n and -g match flows whose source or destination was rewritten.
//     conntrack(8) reads the id and the type of an ICMP flow as ports, and
//     matches every ping that passed the nat hooks.
//   - -n, -g and -j compare IPv6 addresses; conntrack(8) compares only IPv4.
//   - -u with both plain and negated names requires all of them; conntrack -L
//     then finds no flow.
//   - GRE keys are compared; conntrack(8) ignores them.
//
// It accepts more: SCTP tags and the DCCP role, networks for -r, -q, -n, -g and -j, ranges and
// lists of ports, names of states in any case, ports without -p.
func (env Env) FromFlags(values []FlagValue) (Selection, error) {
	t := translation{env: env, given: map[string]FlagValue{}}
	var first, rest []FlagValue // protocol and family first: other flags depend on them
	for _, v := range values {
		v.Value = strings.TrimSpace(v.Value) // "-p tcp" as one argument
		f, ok := FlagByName(v.Name)
		if !ok {
			return Selection{}, FlagValue{Name: v.Name}.fails("not a filter flag of conntrack(8)", "")
		}
		_, twice := t.given[f.Name]
		switch {
		case twice && !f.Repeats():
			return Selection{}, FlagValue{Name: v.Name}.fails("given twice", "")
		case v.Value == "" && !f.Optional():
			return Selection{}, v.fails("needs a value: "+f.Arg, "")
		case f.Name == "proto" || f.Name == "family":
			first = append(first, v)
		default:
			rest = append(rest, v)
		}
		t.given[f.Name] = v
	}
	if t.has("any-nat") && (t.has("src-nat") || t.has("dst-nat")) {
		return Selection{}, FlagValue{Name: "any-nat"}.fails("not together with --src-nat or --dst-nat", "")
	}
	for _, side := range []string{"src", "dst"} {
		if mask := "mask-" + side; t.has(mask) && !t.has("orig-"+side) {
			return Selection{}, FlagValue{Name: mask}.fails("needs --"+side, "")
		}
	}
	var parts []Expr
	for _, v := range append(first, rest...) {
		f, _ := FlagByName(v.Name)
		x, err := t.flag(f, v)
		if err != nil {
			return Selection{}, err
		}
		parts = append(parts, x)
	}
	return Selection{AllOf(parts...), t.kinds}, nil
}

// translation translates flags one by one.
type translation struct {
	env    Env
	given  map[string]FlagValue // by the names of the flags
	kinds  KindSet
	proto  Expr   // the condition of -p; nil without -p
	family string // of the addresses and of -f so far
}

func (t *translation) has(flag string) bool {
	_, ok := t.given[flag]
	return ok
}

// flag translates one flag.
func (t *translation) flag(f *Flag, v FlagValue) (Expr, error) {
	proto, one := t.protocol()
	if one && f.protos != nil && !f.protos(proto) {
		return nil, FlagValue{Name: v.Name}.fails("protocol "+proto.String()+" does not have this attribute", "")
	}
	value := v.Value
	if mask, ok := t.given["mask-"+strings.TrimPrefix(f.Name, "orig-")]; ok {
		var err error
		if value, err = withMask(v.Value, mask.Value); err != nil {
			return nil, mask.fails(err.Error(), "")
		}
	}
	text, err := t.text(f, value)
	if err != nil {
		return nil, v.fails(err.Error(), "")
	}
	x, err := t.env.Parse(text)
	if wrong := new(Error); errors.As(err, &wrong) {
		return nil, v.fails(wrong.Msg, wrong.Suggestion)
	}
	if f.Name == "proto" {
		t.proto = x
	}
	if f.Name == "state" && one && !x.(Cmp).hasStateOf(proto) {
		names := monitor.StateNames(proto)
		msg := "not a state of " + proto.String() + ": " + strings.Join(names, ", ")
		return nil, v.fails(msg, human.Nearest(v.Value, names))
	}
	return x, t.sameFamily(v, x)
}

// text returns the flag in the filter language.
func (t *translation) text(f *Flag, value string) (string, error) {
	// A value must not contain operators.
	operator := func(r rune) bool { return r <= ' ' || strings.ContainsRune("()&|<>=\"'`", r) }
	if strings.ContainsFunc(value, operator) {
		return "", errors.New("not a value: " + f.Arg)
	}
	switch f.Name {
	case "mask-src", "mask-dst": // read with their addresses
		return "true", nil
	case "src-nat":
		return natText("snat", value)
	case "dst-nat":
		return natText("dnat", value)
	case "any-nat":
		src, err := natText("snat", value)
		dst, _ := natText("dnat", value)
		return "(" + src + ") or (" + dst + ")", err
	case "mark":
		return markText(value)
	case "label":
		return each(value, func(name string) (string, error) { return "msg.label " + Quote(name), nil })
	case "zone", "orig-zone", "reply-zone":
		n, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return "", errors.New("a zone is a number from 0 to 65535")
		}
		if f.Name == "zone" && n != 0 { // the kernel can compare this one
			return fmt.Sprint("zone ", n), nil
		}
		return fmt.Sprint(f.field, " ", n), nil
	case "status":
		return each(value, statusText)
	case "event-mask":
		return "true", t.events(value)
	}
	return f.field + " " + value, nil
}

// each joins the texts of a list's members by and.
func each(list string, text func(string) (string, error)) (string, error) {
	var parts []string
	for name := range strings.SplitSeq(list, ",") {
		part, err := text(name)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " and "), nil
}

// statusText reads the name of a status bit, which may be abbreviated. "!" before it means that
// the bit must not be set.
func statusText(name string) (string, error) {
	word, negated := strings.CutPrefix(name, "!")
	bits := mapped(statusBitWords, func(w bitWord) string { return w.word })
	full := abbreviated(word, slices.Concat(statusWords, bits))
	switch {
	case full == "":
		err := "no status bit " + strconv.Quote(word)
		if near := human.Nearest(word, statusWords); near != "" {
			err += "; did you mean " + near + "?"
		}
		return "", errors.New(err)
	case full == "UNSET":
		return "", errors.New("UNSET matches no bit: it is for new entries")
	case full == "src_nat" || full == "dst_nat":
		return "", errors.New("conntrack(8) does not compare this bit; use --" + strings.ToLower(full[:3]) + "-nat")
	case negated:
		return "msg.status != " + full, nil
	}
	return "msg.status " + full, nil
}

func markText(value string) (string, error) {
	value, mask, masked := strings.Cut(value, "/")
	n, err := strconv.ParseUint(value, 0, 32)
	m, merr := n, error(nil)
	if masked {
		m, merr = strconv.ParseUint(mask, 0, 32)
	}
	switch {
	case err != nil || merr != nil:
		return "", errors.New("not a mark: MARK[/MASK], each up to 0xffffffff")
	case !masked:
		return fmt.Sprint("msg.mark ", n), nil
	case n&^m != 0: // conntrack(8) accepts it and matches nothing
		return "false", nil
	case m == 0:
		return "has msg.mark", nil
	}
	return fmt.Sprintf("msg.mark & %d == %d", m, n), nil
}

// natText returns a filter for flows whose side is rewritten, to target if it is not empty. As
// in conntrack(8), the flow must have passed the nat hooks, and an address or a port is
// compared only if it was rewritten.
func natText(side, target string) (string, error) {
	addr, port, done := "reply.dst", "reply.dport", "src_nat_done"
	if side == "dnat" {
		addr, port, done = "reply.src", "reply.sport", "dst_nat_done"
	}
	if target == "" {
		return side + " and msg.status " + done, nil
	}
	to, n, err := splitTarget(target)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s-addr and %s %s", side, addr, to)
	if n >= 0 {
		text += fmt.Sprintf(" and %s-port and %s %d", side, port, n)
	}
	return text + " and msg.status " + done, nil
}

func (t *translation) events(list string) error {
	kinds := map[string]KindSet{
		"ALL": Kinds(monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy),
		"NEW": Kinds(monitor.KindNew), "UPDATES": Kinds(monitor.KindUpdate), "DESTROY": Kinds(monitor.KindDestroy),
	}
	for name := range strings.SplitSeq(list, ",") {
		set, ok := kinds[abbreviated(name, slices.Sorted(maps.Keys(kinds)))]
		if !ok {
			return errors.New("not a kind of event: all, new, update, destroy")
		}
		t.kinds |= set
	}
	return nil
}

// hasStateOf reports whether one of the states belongs to the protocol.
func (x Cmp) hasStateOf(p monitor.Proto) bool {
	return slices.ContainsFunc(x.Set, func(r Range) bool { return monitor.Proto(r.Lo>>8) == p })
}

// protocol returns the one protocol of -p.
func (t *translation) protocol() (p monitor.Proto, one bool) {
	c, ok := t.proto.(Cmp)
	if !ok || !c.single() {
		return 0, false
	}
	return monitor.Proto(c.Set[0].Lo), true
}

// sameFamily returns an error if addresses have two families, because no flow has both.
func (t *translation) sameFamily(v FlagValue, x Expr) error {
	var family string
	switch x := x.(type) {
	case Addr:
		family = "ipv6"
		if x.Set[0].Addr().Is4() {
			family = "ipv4"
		}
	case Cmp:
		if x.Field == FieldFamily {
			family = x.String()
		}
	}
	if family == "" || t.family == family {
		return nil
	}
	if t.family != "" {
		return v.fails(family+" beside "+t.family, "")
	}
	t.family = family
	return nil
}

// abbreviated returns the first word that begins with the given letters in any case, or "".
func abbreviated(letters string, words []string) string {
	for _, w := range words {
		if letters != "" && len(letters) <= len(w) && strings.EqualFold(letters, w[:len(letters)]) {
			return w
		}
	}
	return ""
}
