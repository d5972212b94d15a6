//go:build linux

package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// rule is a rule of nf_tables.
type rule struct {
	family        uint8 // of its table, NFPROTO_
	chain         Chain
	handle        uint64
	exprs         []expr.Any
	text, comment string // text is "" without nft(8)
}

// unread is an expression that natlens does not read.
type unread struct {
	expr.Any
	loads bool // it only loads a value
}

// drops reports whether the rule can only drop a packet.
func (r *rule) drops() bool {
	switch x := r.exprs[len(r.exprs)-1].(type) {
	case *expr.Verdict:
		return x.Kind == expr.VerdictDrop
	case *expr.Reject:
		return true
	}
	return false
}

// sets reports whether the rule changes the packet or its metadata, or excludes it from conntrack.
func (r *rule) sets() bool {
	return slices.ContainsFunc(r.exprs, func(x expr.Any) bool {
		switch x := x.(type) {
		case *expr.Meta:
			return x.SourceRegister
		case *expr.Ct:
			return x.SourceRegister
		case *expr.Payload:
			return x.DestRegister == 0
		case *expr.Exthdr:
			return x.DestRegister == 0
		case *expr.Objref:
			return x.Type == unix.NFT_OBJECT_CT_HELPER
		case *expr.Notrack:
			return true
		}
		return false
	})
}

// readRules returns the rules of a network namespace, in the order of evaluation. chain has only
// the names.
func readRules(ns int) (all []*rule, err error) {
	conn, err := netns.DialKernel(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	msgs, err := conn.Execute(netlink.Message{
		Header: netlink.Header{
			Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump,
		},
		Data: make([]byte, 4), // every family
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", netns.Privilege(err))
	}
	for _, m := range msgs {
		r, err := decodeRule(m.Data)
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		all = append(all, r)
	}
	return all, nil
}

// decodeRule reads the payload of NFT_MSG_NEWRULE.
func decodeRule(b []byte) (*rule, error) {
	if len(b) < 4 {
		return nil, errShort
	}
	d, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return nil, err
	}
	d.ByteOrder = binary.BigEndian
	r := &rule{family: b[0], chain: Chain{Family: familyName(b[0])}}
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_RULE_TABLE:
			r.chain.Table = d.String()
		case unix.NFTA_RULE_CHAIN:
			r.chain.Name = d.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = d.Uint64()
		case unix.NFTA_RULE_USERDATA:
			r.comment = comment(d.Bytes())
		case unix.NFTA_RULE_EXPRESSIONS:
			d.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					switch x := decodeExpr(r.family, list.Bytes()).(type) {
					case *expr.Match:
						if c, ok := x.Info.(*xt.Comment); ok {
							r.comment = string(*c)
						}
						r.exprs = append(r.exprs, x)
					case *expr.Target:
						r.exprs = append(r.exprs, native(r.family, x)...)
					default:
						r.exprs = append(r.exprs, x)
					}
				}
				return nil
			})
		}
	}
	return r, d.Err()
}

// comment returns the comment in a rule's user data: type, length and value of each entry, as nft
// writes them. Other programs may write anything.
func comment(data []byte) string {
	const kind = 0
	for len(data) >= 2 && len(data) >= 2+int(data[1]) {
		value := data[2 : 2+int(data[1])]
		if data[0] == kind {
			return string(bytes.TrimRight(value, "\x00"))
		}
		data = data[2+len(value):]
	}
	return ""
}

// decodeExpr reads an expression. It returns unread if natlens does not know it.
func decodeExpr(family uint8, b []byte) expr.Any {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return unread{}
	}
	name, data := "", []byte(nil)
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_EXPR_NAME:
			name = d.String()
		case unix.NFTA_EXPR_DATA:
			data = d.Bytes()
		}
	}
	x := exprNames[name]
	switch {
	case name == "ct":
		return decodeCt(data)
	case x == nil:
		return unread{loads: slices.Contains([]string{"rt", "numgen", "hash", "byteorder"}, name)}
	}
	x = reflect.New(reflect.TypeOf(x).Elem()).Interface().(expr.Any)
	if name != "notrack" && expr.Unmarshal(family, data, x) != nil {
		return unread{}
	}
	switch was := x.(type) {
	case *expr.Masq:
		return &expr.NAT{Type: natMasquerade, RegProtoMin: was.RegProtoMin, RegProtoMax: was.RegProtoMax}
	case *expr.Redir:
		return &expr.NAT{Type: natRedirect, RegProtoMin: was.RegisterProtoMin, RegProtoMax: was.RegisterProtoMax}
	case *expr.Immediate:
		if was.Register == unix.NFT_REG_VERDICT {
			x = &expr.Verdict{}
			if expr.Unmarshal(family, data, x) != nil {
				return unread{}
			}
		}
	}
	return x
}

var exprNames = map[string]expr.Any{
	"bitwise": &expr.Bitwise{}, "cmp": &expr.Cmp{}, "counter": &expr.Counter{}, "exthdr": &expr.Exthdr{},
	"fib": &expr.Fib{}, "flow_offload": &expr.FlowOffload{}, "immediate": &expr.Immediate{}, "log": &expr.Log{},
	"lookup": &expr.Lookup{}, "masq": &expr.Masq{}, "match": &expr.Match{}, "meta": &expr.Meta{}, "nat": &expr.NAT{},
	"notrack": &expr.Notrack{}, "objref": &expr.Objref{}, "payload": &expr.Payload{}, "queue": &expr.Queue{},
	"range": &expr.Range{}, "redir": &expr.Redir{}, "reject": &expr.Reject{}, "target": &expr.Target{},
}

// decodeCt reads a ct expression. Package expr can't read its direction and its source.
func decodeCt(data []byte) expr.Any {
	d, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return unread{}
	}
	d.ByteOrder = binary.BigEndian
	x := &expr.Ct{}
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_CT_KEY:
			x.Key = expr.CtKey(d.Uint32())
		case unix.NFTA_CT_DREG:
			x.Register = d.Uint32()
		case unix.NFTA_CT_SREG:
			x.Register, x.SourceRegister = d.Uint32(), true
		case unix.NFTA_CT_DIRECTION:
			x.Direction = uint32(d.Uint8())
		}
	}
	if d.Err() != nil {
		return unread{}
	}
	return x
}
