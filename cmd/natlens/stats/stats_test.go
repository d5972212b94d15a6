//go:build linux

package stats

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/golden"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func someReading() *reading {
	return &reading{
		entries: 12345, max: 262144,
		cpus: []ctnetlink.CPUStats{
			{CPU: 0, Counters: map[string]uint32{"found": 3, "insert": 4294967295, "unknown1": 1}},
			{CPU: 1, Counters: map[string]uint32{"found": 5, "insert": 1, "unknown1": 0}},
		},
		expect: []ctnetlink.CPUStats{{CPU: 0, Counters: map[string]uint32{"expect_new": 1, "expect_create": 1200, "expect_delete": 2}},
			{CPU: 1, Counters: map[string]uint32{"expect_new": 0, "expect_create": 34, "expect_delete": 5}}},
		sysctls: map[string]uint64{"acct": 1, "buckets": 65536, "events": 2, "helper": 7},
	}
}

// someWatched adds to a reading what --for captured: a little of everything.
func someWatched(r *reading) *watched {
	r.grown = numbers{"found": 2, "insert": 7, "unknown1": 0}
	r.events[monitor.KindNew], r.events[monitor.KindUpdate], r.events[monitor.KindDestroy] = 4000, 6000, 2345
	return &watched{
		took: 1999 * time.Millisecond, way: capture.Socket, resyncs: 1,
		capture: capture.Stats{Received: 12345, Lost: 17, Gaps: 1, Malformed: 2, Unknown: 3, Forged: 4, Wakeups: 1000, Capacity: 32_000_000},
	}
}

func TestPretty(t *testing.T) {
	golden.Words(t, "", string(someReading().pretty(nil)))
}

// With --for the counters say how much they grew, and a second table how the events were captured.
func TestWatched(t *testing.T) {
	r := someReading()
	w := someWatched(r)
	r.sysctls = nil
	golden.Words(t, "", string(r.pretty(w)))
	const line = `{"v":1,"entries":12345,"max":262144,"counters":{"found":8,"insert":4294967296,"unknown1":1},` +
		`"cpus":[{"cpu":0,"found":3,"insert":4294967295,"unknown1":1},{"cpu":1,"found":5,"insert":1,"unknown1":0}],` +
		`"expect":{"create":1234,"delete":7,"new":1},"sysctls":{},` +
		`"look":{"seconds":1.999,"capture":"socket","queue":32000000,"events":{"destroy":2345,"forged":4,"gaps":1,"lost":17,"malformed":2,` +
		`"new":4000,"received":12345,"resyncs":1,"unknown":3,"update":6000,"wakeups":1000},"counters":{"found":2,"insert":7,"unknown1":0}}}` + "\n"
	if got := string(asJSON([]*reading{r}, w, false)); got != line {
		t.Errorf("got\n%s\nwant\n%s", got, line)
	}
}

// Several namespaces have a row each. With --for the counters are what they grew by, and the events are summed.
func TestOverview(t *testing.T) {
	one, other := someReading(), &reading{ns: monitor.Namespace{Name: "evil\x1bname"}}
	one.ns.Name, one.tracking = "gateway", monitor.Tracking{IPv4: true, IPv6: true}
	one.cpus[0].Counters["drop"], one.cpus[1].Counters["drop"] = 1200, 34
	other.tracking.IPv6 = true
	w := someWatched(one)
	one.grown["drop"] = 5
	other.events[monitor.KindNew] = 1
	golden.Words(t, "", string(overview([]*reading{one, other}, nil))+"\n"+string(overview([]*reading{one, other}, w)))
}

func TestConntrackFormat(t *testing.T) {
	const want = "cpu=0   \tfound=3 insert=4294967295 unknown1=1 \ncpu=1   \tfound=5 insert=1 unknown1=0 \n"
	if got := string(conntrack(someReading().cpus, ctnetlink.CounterNames)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const expect = "cpu=0   \texpect_new=1 expect_create=1200 expect_delete=2 \ncpu=1   \texpect_new=0 expect_create=34 expect_delete=5 \n"
	if got := string(conntrack(someReading().expect, ctnetlink.ExpectCounterNames)); got != expect {
		t.Errorf("got\n%s\nwant\n%s", got, expect)
	}
}

func TestJSON(t *testing.T) {
	const want = `{"v":1,"entries":12345,"max":262144,"buckets":65536,"counters":{"found":8,"insert":4294967296,"unknown1":1},` +
		`"cpus":[{"cpu":0,"found":3,"insert":4294967295,"unknown1":1},{"cpu":1,"found":5,"insert":1,"unknown1":0}],` +
		`"expect":{"create":1234,"delete":7,"new":1},"sysctls":{"net.netfilter.nf_conntrack_acct":1,` +
		`"net.netfilter.nf_conntrack_buckets":65536,"net.netfilter.nf_conntrack_events":2,"net.netfilter.nf_conntrack_helper":7}}` + "\n"
	if got := string(asJSON([]*reading{someReading()}, nil, false)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func generator(t *testing.T) *labtest.Generator {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// TestKernel reads the counters of a real namespace.
func TestKernel(t *testing.T) {
	g := generator(t)
	if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 3}); err != nil {
		t.Fatal(err)
	}
	got := clitest.Run(t.Context(), New, "", "--netns", g.Namespace().Path())
	var st struct {
		V, Entries, Max, Buckets int
		CPUs                     []map[string]int
		Sysctls                  map[string]int
	}
	if err := json.Unmarshal([]byte(got.Stdout), &st); err != nil || got.Err != nil {
		t.Fatalf("%v, %v: %s", got.Err, err, got.Stdout)
	}
	if _, ok := st.Sysctls["net.netfilter.nf_conntrack_acct"]; st.V != 1 || st.Entries != 3 || st.Max == 0 || st.Buckets == 0 || len(st.CPUs) == 0 || !ok {
		t.Errorf("got %s", got.Stdout)
	}
}

// TestKernelEvery reads the counters of several namespaces.
func TestKernelEvery(t *testing.T) {
	want := map[string]int{}
	for i, flows := range []int{128, 64} {
		p := labtest.NewInhabited(t, i)
		p.Flows(t, flows)
		want[p.Name] = flows
	}
	got := clitest.Run(t.Context(), New, "", "--netns", "all", "-o", "jsonl")
	for _, line := range clitest.Lines(t, got.Stdout) {
		if name, _ := line["netns"].(string); want[name] == int(line["entries"].(float64)) {
			delete(want, name)
		}
	}
	if got.Err != nil || len(want) > 0 {
		t.Errorf("%v, without %v: %s", got.Err, want, got.Stdout)
	}
}

// TestKernelEvents captures the kernel's events with --for, in one namespace and in all.
func TestKernelEvents(t *testing.T) {
	for _, way := range []string{"ring", "socket"} {
		for _, which := range []string{"one", "all"} {
			t.Run(way+" "+which, func(t *testing.T) {
				if way == "ring" && !labtest.InitialUserNS() {
					t.Skip("the ring needs the initial user namespace")
				}
				g := generator(t)
				args := []string{"--for", "100ms", "--capture", way, "-o", "jsonl", "--netns", g.Namespace().Path()}
				if which == "all" {
					args[len(args)-1] = "all"
					labtest.Inhabit(t, g.Namespace())
				}
				got := clitest.Run(t.Context(), func(con cli.Console) *cobra.Command {
					return newCommand(&options{con: con, started: func() {
						if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 30}); err != nil {
							t.Error(err)
						}
					}})
				}, "", args...)
				if got.Err != nil {
					t.Fatal(got.Err)
				}
				var seen uint64
				for line := range strings.Lines(got.Stdout) {
					var st object
					if err := json.Unmarshal([]byte(line), &st); err != nil {
						t.Fatal(err, line)
					}
					e := st.Watched.Events
					if seen += e["new"]; st.Watched.Capture != way || st.Watched.Seconds <= 0 || e["lost"] != 0 {
						t.Errorf("got %+v", st.Watched)
					}
					if _, ok := e["forged"]; ok != (way == "socket") {
						t.Errorf("forged is reported: %v", ok)
					}
				}
				if seen < 30 || which == "one" && seen != 30 {
					t.Errorf("%d flows seen, want 30", seen)
				}
			})
		}
	}
}

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 --for -1s
2 --capture ring
2 -o conntrack,xml
2 -o conntrack --for 1s
2 -o conntrack --netns all
`)
}
