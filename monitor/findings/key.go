package findings

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"

	"natlens/monitor"
)

// key names a group of flows: an address, an endpoint, or two of them. What a
// rule does not group by is zero.
type key struct {
	addr, peer     monitor.Addr
	port, peerPort uint16
	proto          monitor.Proto
	netns          monitor.NetNS
}

// hash spreads keys over 64 bits. It is no secret: who floods one bucket of a
// sieve only hides its own groups behind each other.
func (k *key) hash() uint64 {
	h := mix(binary.LittleEndian.Uint64(k.addr[:8])^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(k.addr[8:])^0xd6e8feb86659fd93)
	h = mix(h^binary.LittleEndian.Uint64(k.peer[:8])^uint64(k.port)^uint64(k.peerPort)<<16^uint64(k.proto)<<32^uint64(k.netns)<<40,
		binary.LittleEndian.Uint64(k.peer[8:])^0xa0761d6478bd642f)
	return mix(h, 0xe7037ed1a0b428db)
}

// hashAddr spreads addresses with a number beside: it is for what happens with
// every new flow.
func hashAddr(a *monitor.Addr, n uint64) uint64 {
	h := mix(binary.LittleEndian.Uint64(a[8:])^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(a[:8])^n^0xd6e8feb86659fd93)
	return mix(h, 0xe7037ed1a0b428db)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// compare orders keys, for answers that don't depend on chance.
func (k *key) compare(o *key) int {
	return cmp.Or(cmp.Compare(k.netns, o.netns), bytes.Compare(k.addr[:], o.addr[:]), cmp.Compare(k.proto, o.proto), cmp.Compare(k.port, o.port),
		bytes.Compare(k.peer[:], o.peer[:]), cmp.Compare(k.peerPort, o.peerPort))
}
