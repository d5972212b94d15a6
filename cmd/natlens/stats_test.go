//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
)

func TestStatsJSON(t *testing.T) {
	ns := generatorNS(t)
	manyUDP(t, ns, 3)
	if err := ns.WriteSysctl("net.netfilter.nf_conntrack_acct", "1"); err != nil {
		t.Fatal(err)
	}
	got := ours(t, ns, "stats")
	var st struct {
		V, Entries, Max, Buckets int
		Counters                 map[string]int
		CPUs                     []map[string]int
		Sysctls                  map[string]int
	}
	if err := json.Unmarshal([]byte(got.stdout), &st); err != nil || got.code != 0 {
		t.Fatalf("code %d, %v: %s", got.code, err, got.stdout)
	}
	sum := 0
	for _, cpu := range st.CPUs {
		sum += cpu["insert"]
	}
	if st.V != 1 || st.Entries != 3 || st.Max == 0 || st.Buckets == 0 || st.Counters["insert"] != 3 || sum != 3 ||
		st.Sysctls["net.netfilter.nf_conntrack_acct"] != 1 {
		t.Errorf("got %s", got.stdout)
	}
}

// cpuStats are counters as the kernel sends them.
func cpuStats(t *testing.T, cpu uint16, counters map[ctnetlink.Counter]uint32) ctnetlink.CPUStats {
	t.Helper()
	msg := make([]byte, 20)
	binary.BigEndian.PutUint16(msg[18:], cpu)
	for k, n := range counters {
		msg = binary.NativeEndian.AppendUint16(msg, 8)
		msg = binary.NativeEndian.AppendUint16(msg, uint16(k))
		msg = binary.BigEndian.AppendUint32(msg, n)
	}
	binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
	s, err := ctnetlink.DecodeCPUStats(msg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someStats(t *testing.T) *stats {
	return &stats{
		fill: ctnetlink.GlobalStats{Entries: 12345, Max: 262144},
		cpus: []ctnetlink.CPUStats{
			cpuStats(t, 0, map[ctnetlink.Counter]uint32{ctnetlink.Found: 3, ctnetlink.Insert: 4294967295, 16: 1}),
			cpuStats(t, 1, map[ctnetlink.Counter]uint32{ctnetlink.Found: 5, ctnetlink.Insert: 1, 16: 0}),
		},
		expect: []ctnetlink.ExpectStats{{CPU: 0, New: 1, Create: 1200, Delete: 2}, {CPU: 1, Create: 34, Delete: 5}},
		sysctls: []kernel.Sysctl{
			{Name: "net.netfilter.nf_conntrack_acct", Value: 1},
			{Name: "net.netfilter.nf_conntrack_buckets", Value: 65536},
			{Name: "net.netfilter.nf_conntrack_events", Value: 2},
			{Name: "net.netfilter.nf_conntrack_helper", Value: 7},
		},
	}
}

func TestStatsPretty(t *testing.T) {
	const want = `entries  12,345 of 262,144, 4.7 %; 65,536 buckets, shared by all network namespaces

                        total          cpu 0          cpu 1
found                       8              3              5  tuples that NAT had in mind and that were taken
insert          4,294,967,296  4,294,967,295              1  entries made by programs
unknown1                    1              1              0

expectations  1,234 made, 7 gone

nf_conntrack_events          2  flows that begin while somebody listens send events
nf_conntrack_acct            1  packets and bytes are counted
nf_conntrack_helper          7
`
	if got := string(someStats(t).pretty()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatsClassic(t *testing.T) {
	const want = "cpu=0   \tfound=3 insert=4294967295 unknown1=1 \ncpu=1   \tfound=5 insert=1 unknown1=0 \n"
	if got := string(someStats(t).classic()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const expect = "cpu=0   \texpect_new=1 expect_create=1200 expect_delete=2 \ncpu=1   \texpect_new=0 expect_create=34 expect_delete=5 \n"
	if got := string(someStats(t).classicExpect()); got != expect {
		t.Errorf("got\n%s\nwant\n%s", got, expect)
	}
}

func TestStatsWholeJSON(t *testing.T) {
	const want = `{"v":1,"entries":12345,"max":262144,"buckets":65536,"counters":{"found":8,"insert":4294967296,"unknown1":1},` +
		`"cpus":[{"cpu":0,"found":3,"insert":4294967295,"unknown1":1},{"cpu":1,"found":5,"insert":1,"unknown1":0}],` +
		`"expect":{"create":1234,"delete":7,"new":1},"sysctls":{"net.netfilter.nf_conntrack_acct":1,` +
		`"net.netfilter.nf_conntrack_buckets":65536,"net.netfilter.nf_conntrack_events":2,"net.netfilter.nf_conntrack_helper":7}}` + "\n"
	if got := string(someStats(t).json()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
