package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// The groups of every grouping add up to the flows, and each group's condition
// wants as many flows as the group says.
func TestGroups(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.rare()
	var stop atomic.Bool
	for g := range groupings {
		got, ok := g.count(st.table, nil, orderFlows, 0, st.now, &stop)
		if !ok {
			t.Fatal("stopped")
		}
		var sum uint64
		for i := range got.groups {
			k := &got.groups[i]
			sum += k.flows
			if err := st.s.setFilter(g.condition(st.s, k)); err != nil {
				t.Errorf("by %s: %v", groupingNames[g], err)
				continue
			}
			if v := st.table.View(table.Query{Filter: st.s.judge, Now: st.now}); v.Live != int(k.flows) {
				t.Errorf("by %s: %q wants %d flows, the group has %d", groupingNames[g], st.s.text, v.Live, k.flows)
			}
		}
		if sum != got.flows || got.all != len(got.groups) {
			t.Errorf("by %s: %d of %d flows in groups, %d of %d groups", groupingNames[g], sum, got.flows, len(got.groups), got.all)
		}
	}
}

func TestBiggest(t *testing.T) {
	c := counter{index: map[groupKey]int32{}}
	var all []count
	for i := range 3 * topGroups {
		g := c.group(groupKey{n: uint64(i)})
		g.flows, g.bytes = uint64(i*7919%1000+1), uint64(i*104729%5000)
		all = append(all, *g)
	}
	orders := []tallied{orderFlows, orderFresh, orderBytes, orderName}
	for _, o := range orders[:4] {
		orders = append(orders, o|turned)
	}
	for _, order := range orders {
		slices.SortFunc(all, func(a, b count) int {
			if before(&a, &b, order) {
				return -1
			}
			return 1
		})
		got, n := c.biggest(order)
		for i := range got {
			if got[i] != all[i] {
				t.Fatalf("order %d: place %d has %+v, want %+v", order, i, got[i], all[i])
			}
		}
		if len(got) != topGroups || n != 3*topGroups {
			t.Errorf("order %d: %d of %d groups", order, len(got), n)
		}
	}
}

// The heads of the Top page order the groups, by a click and by keys; the same one
// again turns them round, as r does.
func TestTopOrder(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	st.press("3")
	page := st.pages[2].(*topPage)
	groups := func() (head string, flows []uint64, names []string) {
		for i := range page.tally.groups {
			g := &page.tally.groups[i]
			flows, names = append(flows, g.flows), append(names, string(g.key.addr[:]))
		}
		return strings.Join(strings.Fields(strings.Split(st.screen(), "\n")[3]), " "), flows, names
	}
	down := func(a, b uint64) int { return cmp.Compare(b, a) }
	check := func(what, want string, sorted bool) {
		t.Helper()
		if head, flows, names := groups(); head != want || !sorted {
			t.Errorf("%s: the heads are %q, want %q; flows %d of %q", what, head, want, flows, names)
		}
	}
	click := func(text string) {
		x := strings.Index(strings.Split(st.screen(), "\n")[3], text)
		st.send(tea.MouseClickMsg{X: x, Y: 3, Button: tea.MouseLeft})
	}
	_, flows, _ := groups()
	check("at first", "SOURCE FLOWS▼ SHARE NEW/S", len(flows) > 2 && slices.IsSortedFunc(flows, down))
	click("FLOWS")
	_, flows, _ = groups()
	check("a click on the order's own head", "SOURCE FLOWS▲ SHARE NEW/S", slices.IsSorted(flows))
	st.press("r")
	_, flows, _ = groups()
	check("r", "SOURCE FLOWS▼ SHARE NEW/S", slices.IsSortedFunc(flows, down))
	click("SOURCE")
	_, _, names := groups()
	check("a click on another head", "SOURCE▲ FLOWS SHARE NEW/S", slices.IsSorted(names))
	click("NEW/S")
	check("a click on the last head", "SOURCE FLOWS SHARE NEW/S▼", true)
	click("SHARE")
	check("a click on a head without an order", "SOURCE FLOWS SHARE NEW/S▼", true)
	st.press("rs")
	check("r, then s", "SOURCE▲ FLOWS SHARE NEW/S", true)
}

func TestDrillDown(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp<enter>3<down><down><enter>")
	if st.open != 0 || st.s.text != "tcp and src 198.51.100.7" || st.s.matched != 1 {
		t.Errorf("page %d, filter %q, %d flows", st.open, st.s.text, st.s.matched)
	}
}

func TestPools(t *testing.T) {
	st := newStage(t)
	for i := range 60_000 {
		as := fmt.Sprintf("203.0.113.1:%d", 1024+i)
		from := fmt.Sprintf("10.0.7.12:%d", 1024+i)
		if i%10 == 0 {
			from = fmt.Sprintf("10.0.7.%d:4444", i%200)
		}
		to := fmt.Sprintf("192.0.2.%d:443", 80+i%50/49)
		st.event(monitor.KindNew, 1, flowOf(monitor.TCP, from, to, as, to, srcNAT, monitor.PathForward), 0, nil)
		if i%500 == 499 {
			st.table.Apply(&st.batch)
			st.batch.Reset()
		}
	}
	for range 3 { // one tuple more, for DNAT
		f := flowOf(monitor.TCP, "198.51.100.7:51022", "203.0.113.1:8080", "198.51.100.7:51022", "192.168.77.2:80", dstNAT, monitor.PathForward)
		st.event(monitor.KindUpdate, 1, f, 0, nil)
	}
	st.commit()
	st.size(160, 50)
	st.press("4")
	screen := st.screen()
	golden(t, "screens/pool.txt", screen)
	st.press("<enter>")
	if st.s.text != "tcp and snat and reply.dst 203.0.113.1" {
		t.Errorf("drilled down to %q", st.s.text)
	}
}

func TestLevels(t *testing.T) {
	for used, want := range map[float64]paint.Role{0: paint.Bar, 0.69: paint.Bar, 0.7: paint.Warn, 0.89: paint.Warn, 0.9: paint.Bad, 1: paint.Bad} {
		if got := level(used); got != want {
			t.Errorf("level(%v) = %d, want %d", used, got, want)
		}
	}
}

// TestPoolOfARule fills the range of ports that a rule gives, and expects its use on
// the NAT page: of 100 ports 75 are yellow and 95 red. Where the kernel is free to
// choose they are next to nothing.
func TestPoolOfARule(t *testing.T) {
	for _, c := range []struct {
		name  string
		own   int // first port of the client
		flows int
		size  int
		level paint.Role
	}{
		{"few", 20000, 63, 64512, paint.Bar},
		{"yellow", 20000, 75, 100, paint.Warn},
		{"red", 20000, 95, 100, paint.Bad},
		{"kept", 40000, 95, 64512, paint.Bar},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t)
			for i := range c.flows {
				as := 40000 + i
				if i == 1 && c.name != "kept" {
					as = 40099 // the kernel begins anywhere
				}
				to := "203.0.113.9:9999"
				st.event(monitor.KindNew, 1, flowOf(monitor.UDP, fmt.Sprintf("192.168.77.2:%d", c.own+i), to, fmt.Sprintf("203.0.113.1:%d", as), to,
					srcNAT, monitor.PathForward), 0, nil)
			}
			st.commit()
			var stop atomic.Bool
			v, _ := pools(st.table, nil, st.now, &stop)
			if p := &v.pools[0]; p.size != c.size || level(p.used) != c.level {
				t.Errorf("%d of %d ports, %.3f, drawn as %v; want of %d, as %v", p.ports.Len(), p.size, p.used, level(p.used), c.size, c.level)
			}
		})
	}
}
