//go:build linux

package who

import (
	"fmt"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/cmd/natlens/watch"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// asked asks a history, and returns how many translations it has, and how many of them began before it.
func asked(t *testing.T, dir, args string) (all, before int) {
	t.Helper()
	got := clitest.Run(t.Context(), New, "", append(strings.Fields(args), "--history", dir, "-o", "jsonl")...)
	return strings.Count(got.Stdout, `"inside"`), strings.Count(got.Stdout, `"began-before"`)
}

// A history beside a stream that shows little covers every flow, also those that began before. The stream
// shows no more for it.
func TestHistoryBesideWatch(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{}) // without times of the kernel's own
	labtest.FlowsUDP(t, l, 2)             // these are in the table already
	dir := t.TempDir()
	r := clitest.Start(t, watch.New, "--history", dir, "--keep", "90d", "--max-size", "50GB", "tcp", "--netns", l.Gateway.Path())
	const inside = "--inside 192.168.77.2 -p "
	labtest.WaitFor(t, "the flows of before in the history", func() bool {
		_, before := asked(t, dir, inside+"udp")
		return before == 2
	})
	labtest.FlowsUDP(t, l, 3)
	if _, err := l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTP}); err != nil {
		t.Fatal(err)
	}
	r.WaitLines(t, 1, `"event":"new"`)
	live := clitest.Run(t.Context(), New, "", "203.0.113.1", "-p", "udp", "--live", "--netns", l.Gateway.Path(), "-o", "jsonl")
	if n := strings.Count(live.Stdout, `"inside":{"addr":"192.168.77.2"`); n != 5 || live.Err != nil {
		t.Errorf("%v, %d flows in the table: %s%s", live.Err, n, live.Stdout, live.Stderr)
	}
	got := r.Stop(t)
	for _, line := range clitest.Lines(t, got.Stdout) {
		if line["proto"] != "tcp" || line["event"] == "existing" {
			t.Errorf("shown: %v", line)
		}
	}
	udp, udpBefore := asked(t, dir, inside+"udp")
	tcp, tcpBefore := asked(t, dir, inside+"tcp")
	if got.Err != nil || udp != 5 || udpBefore != 2 || tcp != 1 || tcpBefore != 0 {
		t.Errorf("%v: %d UDP flows, %d of before, %d TCP flows, %d of before", got.Err, udp, udpBefore, tcp, tcpBefore)
	}
	early := clitest.Run(t.Context(), New, "", "203.0.113.1", "--history", dir, "--at", "2001-01-01T00:00:00Z")
	if !strings.HasPrefix(early.Stdout, "Not covered: the history in "+dir+" begins ") || early.Code() != 1 {
		t.Errorf("%v, %s", early.Err, early.Stdout)
	}
}

// In a history of two gateways whose hosts have the same addresses, each row has the name of its namespace.
func TestHistoryEvery(t *testing.T) {
	dir := t.TempDir()
	labs := []*lab.Lab{labtest.New(t), labtest.New(t)}
	names := []string{labtest.Inhabit(t, labs[0].Gateway), labtest.Inhabit(t, labs[1].Gateway)}
	r := clitest.Start(t, watch.NewRecord, "--netns", "all", "--history", dir)
	labtest.FlowsUDP(t, labs[0], 3)
	labtest.FlowsUDP(t, labs[1], 5)
	for i, want := range []int{3, 5} {
		labtest.WaitFor(t, fmt.Sprint("the flows of ", names[i]), func() bool {
			n, _ := asked(t, dir, "203.0.113.1 -p udp --netns "+names[i])
			return n == want
		})
	}
	if got := r.Stop(t); got.Err != nil {
		t.Error(got.Err)
	}
	got := clitest.Run(t.Context(), New, "", "203.0.113.1", "-p", "udp", "--history", dir, "-o", "jsonl")
	count := map[any]int{}
	for _, line := range clitest.Lines(t, got.Stdout) {
		count[line["netns"]]++
	}
	if count[names[0]] != 3 || count[names[1]] != 5 {
		t.Errorf("%v, %v", got.Err, count)
	}
	none := clitest.Run(t.Context(), New, "", "192.0.2.9", "--history", dir, "--netns", names[1])
	if !strings.HasPrefix(none.Stdout, "No translation found.") || none.Code() != 1 {
		t.Errorf("%v, %s", none.Err, none.Stdout)
	}
	none = clitest.Run(t.Context(), New, "", "203.0.113.1", "--history", dir, "--netns", "nowhere")
	if !strings.HasPrefix(none.Stdout, "Not covered: the history in "+dir+" has no network namespace nowhere, but ") ||
		!strings.Contains(none.Stdout, names[0]) || none.Code() != 1 {
		t.Errorf("%v, %s", none.Err, none.Stdout)
	}
}
