package history

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// A segment has two indexes, tables of (key, flow). A key is an address, a port
// and a protocol, behind the number of the chunk of rows that the flow stands in:
//
//	IPv4   integer   chunk<<56 | address<<24 | port<<8 | protocol
//	IPv6   20 bytes  chunk, address, port, protocol; big endian
//
// New entries go all over an index. Because of the chunk, all over its last
// sixteenth only: that many pages stay in the cache and go into the write-ahead
// log once a transaction, not the whole index. A search looks once in each chunk.
const (
	chunkBits = 16
	chunkRows = 1 << chunkBits
	maxChunks = 1 << 8 // what a key has room for
)

// chunksOf is how many chunks a segment has whose last flow is this one.
func chunksOf(path string, last int64) (int, error) {
	if n := last>>chunkBits + 1; n > 0 && n <= maxChunks {
		return int(n), nil
	}
	return 0, fmt.Errorf("%s: the file is damaged: its last flow has the number %d", path, last)
}

// key is one entry of an index. It is comparable in the order of the index.
type key struct {
	n    int64    // IPv4
	wide [20]byte // IPv6, if isWide
	flow int64    // Row id
	six  bool
}

func makeKey(k *key, row int64, p monitor.Endpoint, proto monitor.Proto) {
	*k = key{flow: row}
	chunk := row >> chunkBits
	if p.Addr.Is4() {
		addr := binary.BigEndian.Uint32(p.Addr[12:])
		k.n = chunk<<56 | int64(addr)<<24 | int64(p.Port)<<8 | int64(proto)
		return
	}
	k.six = true
	k.wide[0] = byte(chunk)
	copy(k.wide[1:], p.Addr[:])
	binary.BigEndian.PutUint16(k.wide[17:], p.Port)
	k.wide[19] = byte(proto)
}

func compareKeys(a, b key) int {
	switch {
	case a.six != b.six:
		if a.six {
			return 1
		}
		return -1
	case a.six:
		for i := range a.wide {
			if a.wide[i] != b.wide[i] {
				return int(a.wide[i]) - int(b.wide[i])
			}
		}
	case a.n != b.n:
		if a.n < b.n {
			return -1
		}
		return 1
	}
	return int(a.flow - b.flow)
}

func (k *key) bind(s *stmt, i int) {
	if k.six {
		s.bindBlob(i, k.wide[:])
		return
	}
	s.bindInt(i, k.n)
}

// keyRange returns the lowest and the highest key of a chunk that the end and the
// protocol allow. The end has an address.
func keyRange(chunk int64, e End, proto monitor.Proto) (lo, hi key) {
	from, to := monitor.Endpoint{Addr: monitor.AddrFrom(e.Addr)}, monitor.Endpoint{Addr: monitor.AddrFrom(e.Addr), Port: 0xffff}
	first, last := proto, proto
	if proto == 0 {
		last = 0xff
	}
	if e.HasPort {
		from.Port, to.Port = e.Port, e.Port
	} else {
		first, last = 0, 0xff // the port stands before the protocol
	}
	makeKey(&lo, chunk<<chunkBits, from, first)
	makeKey(&hi, chunk<<chunkBits, to, last)
	return lo, hi
}
