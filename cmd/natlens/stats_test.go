//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
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
		expect: []kernel.ExpectStats{{CPU: 0, New: 1, Create: 1200, Delete: 2}, {CPU: 1, Create: 34, Delete: 5}},
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

// someLook is a look at someStats that saw a little of everything.
func someLook(t *testing.T) *statsLook {
	l := &statsLook{
		took: 1999 * time.Millisecond, way: capture.Socket, resyncs: 1,
		before: []ctnetlink.CPUStats{
			cpuStats(t, 0, map[ctnetlink.Counter]uint32{ctnetlink.Found: 1, ctnetlink.Insert: 4294967290, 16: 1}),
			cpuStats(t, 1, map[ctnetlink.Counter]uint32{ctnetlink.Found: 5, ctnetlink.Insert: 4294967295, 16: 0}), // comes round
		},
		capture: capture.Stats{Received: 12345, Lost: 17, Gaps: 1, Malformed: 2, Unknown: 3, Forged: 4, Wakeups: 1000, Capacity: 32 << 20},
	}
	l.seen[monitor.KindNew], l.seen[monitor.KindUpdate], l.seen[monitor.KindDestroy] = 4000, 6000, 2345
	return l
}

// TestGrownByCPU expects each CPU's counters to be compared with its own, in whatever
// order the kernel tells them.
func TestGrownByCPU(t *testing.T) {
	st, l := someStats(t), someLook(t)
	slices.Reverse(l.before)
	if found, insert := l.grown(st, ctnetlink.Found), l.grown(st, ctnetlink.Insert); found != 2 || insert != 7 {
		t.Errorf("found grew by %d, insert by %d; want 2 and 7", found, insert)
	}
}

// With a look the counters say how much they grew, and the capture what it was
// like.
func TestStatsLook(t *testing.T) {
	st := someStats(t)
	st.look, st.sysctls = someLook(t), nil
	const want = `entries  12,345 of 262,144, 4.7 %

                        total          in 2s          cpu 0          cpu 1
found                       8              2              3              5  tuples that NAT had in mind and that were taken
insert          4,294,967,296              7  4,294,967,295              1  entries made by programs
unknown1                    1              0              1              0

expectations  1,234 made, 7 gone


captured by socket of 34 MB
                   in 2s  a second
new                4,000     2,001
update             6,000     3,002
destroy            2,345     1,173
received          12,345     6,176  events in all
lost                  17         9  events that found no room in the queue
gaps                   1         1  times that this happened
resyncs                1         1  reconciliations with the kernel's table after it
malformed              2         1  messages that could not be decoded
forged                 4         2  messages of other senders than the kernel, refused
unknown                3         2  attributes that natlens does not know, skipped
wake-ups           1,000       500  times that the reader was woken for all these
`
	if got := string(st.pretty()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const line = `{"v":1,"entries":12345,"max":262144,"counters":{"found":8,"insert":4294967296,"unknown1":1},` +
		`"cpus":[{"cpu":0,"found":3,"insert":4294967295,"unknown1":1},{"cpu":1,"found":5,"insert":1,"unknown1":0}],` +
		`"expect":{"create":1234,"delete":7,"new":1},"sysctls":{},` +
		`"look":{"seconds":1.999,"capture":"socket","queue":33554432,"events":{"destroy":2345,"forged":4,"gaps":1,"lost":17,"malformed":2,` +
		`"new":4000,"received":12345,"resyncs":1,"unknown":3,"update":6000,"wakeups":1000},"counters":{"found":2,"insert":7,"unknown1":0}}}` + "\n"
	if got := string(st.json()); got != line {
		t.Errorf("got\n%s\nwant\n%s", got, line)
	}
}

// A look sees the events of the kernel, and what made them move.
func TestStatsLookAtTheKernel(t *testing.T) {
	for _, way := range []string{"ring", "socket"} {
		t.Run(way, func(t *testing.T) {
			ns := generatorNS(t)
			if way == "ring" && !lab.InitialUserNS() {
				t.Skip("the ring needs the initial user namespace")
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for t.Context().Err() == nil && len(listeners(t, ns)) == 0 {
					time.Sleep(10 * time.Millisecond)
				}
				manyUDP(t, ns, 30)
			}()
			got := ours(t, ns, "stats", "--for", "2s", "--capture", way, "-o", "json")
			<-done
			var st struct{ Look lookJSON }
			if err := json.Unmarshal([]byte(got.stdout), &st); err != nil || got.code != 0 {
				t.Fatalf("code %d, %v: %+v", got.code, err, got)
			}
			e := st.Look.Events
			if st.Look.Capture != way || st.Look.Seconds < 2 || e["new"] != 30 || e["received"] < 30 || e["lost"] != 0 {
				t.Errorf("got %+v", st.Look)
			}
			// Events that came before the reader first waited woke nobody.
			if _, told := e["wakeups"]; !told {
				t.Errorf("wake-ups are not told: %v", e)
			}
			if _, told := e["forged"]; told != (way == "socket") {
				t.Errorf("forged is told: %v", told)
			}
		})
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
