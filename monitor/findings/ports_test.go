package findings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// mapped is a flow of a client that SNAT sends from a port.
func mapped(client string, i, port int) flow {
	return flow{proto: monitor.UDP, from: fmt.Sprintf("%s:%d", client, 30_000+i), to: "203.0.113.9:53", sentAs: fmt.Sprintf("198.51.100.1:%d", port), status: monitor.SeenReply}
}

// TestPortBlocks has clients use ports of one address towards one destination. A client
// whose ports nobody else uses has a block of its own, which may be full. Clients whose
// ports overlap share one.
func TestPortBlocks(t *testing.T) {
	const pool, first = "snat-ports 198.51.100.1 udp → 203.0.113.9:53", "snat-ports 198.51.100.1 udp → 203.0.113.9:53 for 10.77.0.2"
	for _, c := range []struct {
		what  string
		flows []flow
		want  []string
	}{
		{"a full block, and one that is less than half full",
			append(many(100, func(i int) flow { return mapped("10.77.0.2", i, 1024+i*37%100) }),
				many(40, func(i int) flow { return mapped("10.77.0.3", i, 1124+i*37%100) })...), []string{first}},
		{"the same, and a client with one flow",
			append(many(100, func(i int) flow { return mapped("10.77.0.2", i, 1024+i) }),
				mapped("10.77.0.3", 0, 1124), mapped("10.77.0.4", 0, 1323)), []string{first}},
		{"two full blocks are a full pool, too",
			append(many(100, func(i int) flow { return mapped("10.77.0.2", i, 1024+i) }),
				many(100, func(i int) flow { return mapped("10.77.0.3", i, 1124+i) })...), []string{pool, first, "snat-ports 198.51.100.1 udp → 203.0.113.9:53 for 10.77.0.3"}},
		{"a full block of two clients, and one that is less than half full",
			append(append(many(60, func(i int) flow { return mapped("10.77.0.3", i, 1024+i*37%100) }),
				many(40, func(i int) flow { return mapped("10.77.0.2", i, 1024+(60+i)*37%100) })...),
				many(40, func(i int) flow { return mapped("10.77.0.4", i, 1124+i*37%100) })...), []string{first + " and others"}},
		{"a shared pool that is half full",
			append(many(100, func(i int) flow { return mapped("10.77.0.2", i, 1024+2*i*2) }),
				many(100, func(i int) flow { return mapped("10.77.0.3", i, 1026+2*i*2) })...), nil},
		{"a client with most of a shared pool",
			append(many(100, func(i int) flow { return mapped("10.77.0.2", i, 1100+i) }),
				mapped("10.77.0.3", 0, 1024), mapped("10.77.0.3", 1, 1323)), nil},
		{"blocks below the least size",
			append(many(30, func(i int) flow { return mapped("10.77.0.2", i, 1024+i) }),
				many(30, func(i int) flow { return mapped("10.77.0.3", i, 1224+i) })...), nil},
	} {
		w := newWorld(t, nil)
		w.see(monitor.KindNew, c.flows...)
		w.pass(3 * time.Second)
		if c.want != nil {
			f := w.engine.Snapshot()[0]
			if n := w.selected(f.Filter); n != f.Flows {
				t.Errorf("%s: %s selects %d flows of %d", c.what, f.Filter, n, f.Flows)
			}
		}
		if c.want != nil && strings.HasPrefix(c.want[0], first) {
			f := w.came[0]
			golden.Words(t, c.what, f.Text)
			if f.Flows != 100 || f.Figures[2].Value != 100 {
				t.Errorf("%s: %+v", c.what, f)
			}
		}
		w.expect(c.what, c.want, nil)
	}
}
