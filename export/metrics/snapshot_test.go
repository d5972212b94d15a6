package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/table"
)

// sentAs is a flow of an inside host whose source is translated.
func sentAs(p monitor.Proto, inside, public [4]byte, port uint16, s monitor.State) monitor.Event {
	e := event(monitor.KindNew, p, s, 0, 100)
	e.Flow.Orig.Src, e.Flow.Orig.SrcPort = monitor.AddrFrom4(inside), port
	e.Flow.Reply.Dst, e.Flow.Reply.DstPort = monitor.AddrFrom4(public), port
	return e
}

func tableOf(events ...monitor.Event) *table.Table {
	t := table.New(table.Config{})
	t.Apply(&monitor.Batch{Events: events})
	return t
}

func TestPools(t *testing.T) {
	public := [4]byte{203, 0, 113, 1}
	m := New(Config{Table: tableOf(
		sentAs(monitor.TCP, [4]byte{10, 0, 0, 1}, public, 40000, monitor.TCPEstablished),
		sentAs(monitor.TCP, [4]byte{10, 0, 0, 2}, public, 40001, monitor.TCPSynSent),
		sentAs(monitor.TCP, [4]byte{10, 0, 0, 3}, public, 40001, monitor.TCPEstablished), // to another server, say
		sentAs(
			monitor.TCP,
			[4]byte{10, 0, 0, 4},
			public,
			999,
			monitor.TCPEstablished,
		), // a privileged port belongs to another pool
		sentAs(monitor.UDP, [4]byte{10, 0, 0, 1}, public, 40000, 0),
		event(monitor.KindNew, monitor.UDP, 0, 0, 100), // not translated
	)})
	want := `natlens_snat_flows{address="203.0.113.1",protocol="tcp"} 4
natlens_snat_flows{address="203.0.113.1",protocol="udp"} 1
natlens_snat_pools 2
natlens_snat_ports_available{address="203.0.113.1",protocol="tcp"} 64512
natlens_snat_ports_available{address="203.0.113.1",protocol="udp"} 64512
natlens_snat_ports_in_use{address="203.0.113.1",protocol="tcp"} 2
natlens_snat_ports_in_use{address="203.0.113.1",protocol="udp"} 1
`
	if diff := cmp.Diff(want, lines(t, m, "natlens_snat")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = `natlens_flows{protocol="tcp",state="established"} 3
natlens_flows{protocol="tcp",state="syn_sent"} 1
natlens_flows{protocol="udp",state="unreplied"} 2
`
	if diff := cmp.Diff(want, lines(t, m, "natlens_flows")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPoolRange gives a public address the range of ports that a rule would, and expects
// how many there are to be concluded from them; and not where flows keep their ports.
func TestPoolRange(t *testing.T) {
	var events []monitor.Event
	for i := range 80 {
		e := sentAs(monitor.UDP, [4]byte{10, 0, 0, byte(i)}, [4]byte{203, 0, 113, 1}, uint16(40000+i+i/79*20), 0)
		e.Flow.Orig.SrcPort = 5000
		events = append(
			events,
			e,
			sentAs(monitor.UDP, [4]byte{10, 0, 0, byte(i)}, [4]byte{203, 0, 113, 2}, uint16(40000+i), 0),
		)
	}
	want := `natlens_snat_ports_available{address="203.0.113.1",protocol="udp"} 100
natlens_snat_ports_available{address="203.0.113.2",protocol="udp"} 64512
`
	if diff := cmp.Diff(want, lines(t, New(Config{Table: tableOf(events...)}), "natlens_snat_ports_available")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPoolsAreBounded gives every host a public address of its own, and one of
// them many flows more.
func TestPoolsAreBounded(t *testing.T) {
	var events []monitor.Event
	for i := range 2000 {
		events = append(
			events,
			sentAs(
				monitor.TCP,
				[4]byte{10, 0, byte(i >> 8), byte(i)},
				[4]byte{198, 18, byte(i >> 8), byte(i)},
				40000,
				0,
			),
		)
	}
	for i := range 50 {
		events = append(events, sentAs(monitor.TCP, [4]byte{10, 1, 0, 1}, [4]byte{198, 19, 0, 1}, uint16(50000+i), 0))
	}
	m := New(Config{Table: tableOf(events...)})
	got := lines(t, m, "natlens_snat_ports_in_use")
	if n := strings.Count(got, "\n"); n != TopPools+1 {
		t.Errorf("%d series, want %d", n, TopPools+1)
	}
	for _, line := range []string{
		`natlens_snat_ports_in_use{address="198.19.0.1",protocol="tcp"} 50`,
		fmt.Sprintf(`natlens_snat_ports_in_use{address="other",protocol="tcp"} %d`, 2000-(TopPools-1)),
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
	if got := lines(t, m, "natlens_snat_pools"); got != "natlens_snat_pools 2001\n" {
		t.Error(got)
	}
}

// TestSeriesStay gives forty pools about as many flows, of which others are the busiest
// each time, and expects the same ones to have series as before; and a pool that grows to
// twice another's flows to get that one's series.
func TestSeriesStay(t *testing.T) {
	var before *scan
	series := func(flows map[byte]uint64) (chosen []byte) {
		all := map[poolKey]uint64{}
		for host, count := range flows {
			all[poolKey{addr: monitor.AddrFrom4([4]byte{198, 18, 0, host})}] = count
		}
		s := newScan(labels{0: ""})
		s.choose(all, before)
		for _, p := range s.pools {
			chosen = append(chosen, p.key.addr[15])
		}
		before = s
		slices.Sort(chosen)
		return chosen
	}
	flows := map[byte]uint64{}
	for host := range byte(40) {
		flows[host] = 100 - uint64(host%2)
	}
	first := series(flows)
	if len(first) != TopPools {
		t.Fatalf("%d have series: %v", len(first), first)
	}
	for round := range 100 {
		for host := range flows {
			flows[host] = 100 + uint64(host)*uint64(round)%50
		}
		if got := series(flows); !slices.Equal(got, first) {
			t.Fatalf("round %d: %v, before %v", round, got, first)
		}
	}
	var busy []byte
	for host := range byte(40) {
		if !slices.Contains(first, host) {
			flows[host] = 1000
			busy = append(busy, host)
		}
	}
	second := series(flows)
	for _, host := range busy {
		if !slices.Contains(second, host) {
			t.Errorf("%d has no series: %v", host, second)
		}
	}
}

// TestLooksAreKept expects that who scrapes often costs the kernel and the table
// nothing, and that an error is counted and no value is made up.
func TestLooksAreKept(t *testing.T) {
	now := time.Unix(1000, 0)
	asked, fail := 0, error(nil)
	m := New(Config{
		Clock: func() time.Time { return now },
		Kernel: func() ([]Kernel, error) {
			if asked++; fail != nil {
				return nil, fail
			}
			return []Kernel{
				{
					Entries:  uint64(asked),
					Max:      262144,
					Counters: map[string]uint64{"insert_failed": 5_000_000_000, "drop": 1},
				},
			}, nil
		},
		Findings: func() []Finding { return []Finding{{Rule: "ports", Active: 2}, {Rule: "quiet"}} },
	})
	for range 3 {
		if got := lines(t, m, "natlens_table_entries"); got != "natlens_table_entries 1\n" {
			t.Error(got)
		}
		now = now.Add(400 * time.Millisecond)
	}
	if got := lines(t, m, "natlens_table_entries"); got != "natlens_table_entries 2\n" || asked != 2 {
		t.Errorf("%s, asked %d times", got, asked)
	}
	want := "natlens_kernel_stat_total{stat=\"drop\"} 1\nnatlens_kernel_stat_total{stat=\"insert_failed\"} 5e+09\n"
	if got := lines(t, m, "natlens_kernel"); got != want {
		t.Error(got)
	}
	if got := lines(t, m, "natlens_findings"); got != "natlens_findings{rule=\"ports\"} 2\n" {
		t.Error(got)
	}
	now, fail = now.Add(time.Second), errors.New("no")
	if got := lines(t, m, "natlens_table") + lines(t, m, "natlens_kernel"); got != "natlens_kernel_read_errors_total 1\n" {
		t.Error(got)
	}
}

// BenchmarkScrape is what a scrape costs with 400,000 translated flows.
func BenchmarkScrape(b *testing.B) {
	table := table.New(table.Config{})
	var batch monitor.Batch
	for i := range 400_000 {
		batch.Events = append(
			batch.Events,
			sentAs(
				monitor.UDP,
				[4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)},
				[4]byte{203, 0, 113, byte(i & 3)},
				uint16(i),
				0,
			),
		)
		if len(batch.Events) == monitor.BatchSize {
			table.Apply(&batch)
			batch.Reset()
		}
	}
	for range b.N {
		newScan(labels{0: ""}).take(table, nil)
	}
}
