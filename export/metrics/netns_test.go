package metrics

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// Each network namespace has series of its own, if several are watched. Those of one
// that ended go with it, and two with one name are distinguished.
func TestNamespaces(t *testing.T) {
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue", Inode: 1})
	red, _ := names.Add(monitor.Namespace{Name: "red", Inode: 2})
	in := func(id monitor.NetNS, e monitor.Event) monitor.Event {
		e.SetNetNS(id)
		return e
	}
	public := [4]byte{203, 0, 113, 1}
	events := []monitor.Event{
		in(blue, sentAs(monitor.TCP, [4]byte{10, 0, 0, 1}, public, 40000, monitor.TCPEstablished)),
		in(red, sentAs(monitor.TCP, [4]byte{10, 0, 0, 1}, public, 40000, monitor.TCPEstablished)),
		in(red, sentAs(monitor.TCP, [4]byte{10, 0, 0, 2}, public, 40001, monitor.TCPEstablished)),
	}
	m := New(Config{
		Namespaces: names, Table: tableOf(events...),
		Kernel: func() ([]Kernel, error) {
			return []Kernel{
					{NetNS: red, Entries: 2, Max: 9, Counters: map[string]uint64{"drop": 3}},
				}, errors.New(
					"blue can't be read",
				)
		},
		Findings: func() []Finding { return []Finding{{NetNS: red, Rule: "ports", Active: 2}} },
	})
	if err := m.Write(&monitor.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
	const want = `natlens_events_total{kind="new",netns="blue",protocol="tcp",state="established"} 1
natlens_events_total{kind="new",netns="red",protocol="tcp",state="established"} 2
natlens_findings{netns="red",rule="ports"} 2
natlens_flows{netns="blue",protocol="tcp",state="established"} 1
natlens_flows{netns="red",protocol="tcp",state="established"} 2
natlens_kernel_read_errors_total 1
natlens_kernel_stat_total{netns="red",stat="drop"} 3
natlens_snat_flows{address="203.0.113.1",netns="blue",protocol="tcp"} 1
natlens_snat_flows{address="203.0.113.1",netns="red",protocol="tcp"} 2
natlens_snat_pools{netns="blue"} 1
natlens_snat_pools{netns="red"} 1
natlens_snat_ports_available{address="203.0.113.1",netns="blue",protocol="tcp"} 64512
natlens_snat_ports_available{address="203.0.113.1",netns="red",protocol="tcp"} 64512
natlens_snat_ports_in_use{address="203.0.113.1",netns="blue",protocol="tcp"} 1
natlens_snat_ports_in_use{address="203.0.113.1",netns="red",protocol="tcp"} 2
natlens_table_entries{netns="red"} 2
natlens_table_max_entries{netns="red"} 9
`
	got := ""
	for line := range strings.Lines(lines(t, m, "natlens_")) {
		if !strings.HasPrefix(line, "natlens_build") && !strings.HasPrefix(line, "natlens_table_scan") {
			got += line
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	names.End(blue)
	for _, last := range []bool{true, false} {
		if got := lines(t, m, "natlens_events"); strings.Contains(got, "blue") != last {
			t.Errorf("the scrape is the last with blue: %t, got\n%s", last, got)
		}
	}
	names.Add(monitor.Namespace{Name: "red", Inode: 7})
	if got := lines(t, m, "natlens_"); !strings.Contains(got, "netns=\"red\"") {
		t.Error(got)
	}
}
