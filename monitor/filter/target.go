package filter

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// nat translates -n, -g and -j. As in conntrack(8), the nat hooks must have been
// passed (the bits SRC_NAT_DONE, DST_NAT_DONE), and an address or a port must
// have been moved to be compared.
func (t *translation) nat(f *Flag, v FlagValue) error {
	var net netip.Prefix
	port := -1
	if v.Value != "" {
		var err error
		if net, port, err = splitTarget(v.Value); err != nil {
			return &FlagError{Flag: v.Name, Value: v.Value, Msg: err.Error()}
		}
		if err := t.sameFamily(v, net.Addr()); err != nil {
			return err
		}
	}
	switch f.Name {
	case "src-nat":
		t.add(natTarget(natSource, net, port))
	case "dst-nat":
		t.add(natTarget(natDest, net, port))
	default:
		t.add(AnyOf(natTarget(natSource, net, port), natTarget(natDest, net, port)))
	}
	return nil
}

// natTarget asks whether a side is rewritten, and to what.
func natTarget(side uint64, net netip.Prefix, port int) Expr {
	bit := func(b uint64) Expr { return newCmp(FieldNAT, b, Eq, []Range{{b, b}}) }
	done, addrBit, portBit := monitor.SrcNATDone, natSrcAddr, natSrcPort
	addr, l4 := FieldReplyDst, FieldReplyDPort
	if side == natDest {
		done, addrBit, portBit = monitor.DstNATDone, natDstAddr, natDstPort
		addr, l4 = FieldReplySrc, FieldReplySPort
	}
	var parts []Expr
	if !net.IsValid() {
		parts = append(parts, bit(side))
	} else {
		parts = append(parts, bit(addrBit), newAddr(addr, Eq, []netip.Prefix{net}))
		if port >= 0 {
			parts = append(parts, bit(portBit), newCmp(l4, 0, Eq, []Range{{uint64(port), uint64(port)}}))
		}
	}
	return AllOf(append(parts, newCmp(FieldStatus|Sent, uint64(done), Eq, []Range{{uint64(done), uint64(done)}}))...)
}

// splitTarget reads ADDR, ADDR:PORT or [ADDR]:PORT; the port is -1 where there is
// none. A network may stand for the address.
func splitTarget(s string) (netip.Prefix, int, error) {
	addr, portText, hasPort := s, "", false
	if rest, ok := strings.CutPrefix(s, "["); ok {
		var tail string
		if addr, tail, ok = strings.Cut(rest, "]"); !ok {
			return netip.Prefix{}, 0, errors.New("the bracket around the address is not closed")
		}
		portText, hasPort = strings.CutPrefix(tail, ":")
		if tail != "" && !hasPort {
			return netip.Prefix{}, 0, errors.New("ADDR, ADDR:PORT or [ADDR]:PORT")
		}
	} else if strings.Count(s, ":") == 1 {
		addr, portText, hasPort = strings.Cut(s, ":")
	}
	p := parser{text: addr, tokens: lex("")}
	net, perr := p.network(token{tokAtom, addr, 0, len(addr)})
	if perr != nil {
		return netip.Prefix{}, 0, errors.New("not an address")
	}
	if !hasPort {
		return net, -1, nil
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.Prefix{}, 0, errors.New("a port goes from 0 to 65535")
	}
	return net, int(port), nil
}
