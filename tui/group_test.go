package tui

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// The groups of every grouping add up to at most the flows, and each group leads to as many
// flows as it has.
func TestGroups(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.rare()
	st.size(160, 50)
	st.press("3")
	row := regexp.MustCompile(`^▶ (.*?)  +([\d,]+) +<?[\d.]+ %`)
	for g := range 9 {
		sum, at := 0, 0
		for ; at < 40; at++ {
			group := row.FindStringSubmatch(st.cursor())
			if group == nil {
				t.Fatal(st.screen())
			}
			want, _ := strconv.Atoi(group[2])
			sum += want
			if st.press("<enter>"); st.s.Matched != want || st.s.Open != 0 {
				t.Errorf("%q wants %d flows, the group %q has %d", st.s.Text, st.s.Matched, group[1], want)
			}
			st.press("<esc>")
			last := st.cursor()
			if st.press("<down>"); st.cursor() == last {
				break
			}
		}
		if sum > st.table.Len() && g != 1 || sum == 0 { // each flow has two hosts
			t.Errorf("grouping %d: %d flows in %d groups of %d flows", g, sum, at+1, st.table.Len())
		}
		st.press("o")
	}
}

// The heads of the Top page order the groups, by a click and by keys; the same one
// again turns them round, as r does.
func TestTopOrder(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.size(120, 30)
	st.press("3")
	groups := func() (head string, flows []int, names []string) {
		for _, line := range strings.Split(st.screen(), "\n")[4:12] {
			f := strings.Fields(strings.NewReplacer("▌", "", "▶", "").Replace(line))
			if len(f) < 2 {
				break
			}
			n, _ := strconv.Atoi(f[1])
			names, flows = append(names, f[0]), append(flows, n)
		}
		return strings.Join(strings.Fields(st.line(3)), " "), flows, names
	}
	byAddr := func(a, b string) int {
		x, y := netip.MustParseAddr(a).As16(), netip.MustParseAddr(b).As16()
		return bytes.Compare(x[:], y[:])
	}
	down := func(a, b int) int { return cmp.Compare(b, a) }
	check := func(what, want string, sorted bool) {
		t.Helper()
		if head, flows, names := groups(); head != want || !sorted {
			t.Errorf("%s: the heads are %q, want %q; flows %d of %q", what, head, want, flows, names)
		}
	}
	_, flows, _ := groups()
	check("at first", "SOURCE FLOWS▼ SHARE NEW/S", len(flows) > 2 && slices.IsSortedFunc(flows, down))
	st.clickOn(3, "FLOWS")
	_, flows, _ = groups()
	check("a click on the order's own head", "SOURCE FLOWS▲ SHARE NEW/S", slices.IsSorted(flows))
	st.press("r")
	_, flows, _ = groups()
	check("r", "SOURCE FLOWS▼ SHARE NEW/S", slices.IsSortedFunc(flows, down))
	st.clickOn(3, "SOURCE")
	_, _, names := groups()
	check("a click on another head", "SOURCE▲ FLOWS SHARE NEW/S", slices.IsSortedFunc(names, byAddr))
	st.clickOn(3, "NEW/S")
	check("a click on the last head", "SOURCE FLOWS SHARE NEW/S▼", true)
	st.clickOn(3, "SHARE")
	check("a click on a head without an order", "SOURCE FLOWS SHARE NEW/S▼", true)
	st.press("r<left>s")
	check("the previous column, sorted by s", "SOURCE FLOWS▼ SHARE NEW/S", true)
}

// busy plays a minute of four downloads, whose counters are read every second while Top is open:
// two of 192.168.77.3 with 900 and 100 kB/s, and one each of .2 with 500 and of .4 with 1 kB/s.
func busy(t *testing.T) *stage {
	st := newStage(t, readable)
	rates := map[string]uint64{"192.168.77.3:4001": 900_000, "192.168.77.3:4002": 100_000, "192.168.77.2:4003": 500_000,
		"192.168.77.4:4004": 1000}
	from := slices.Sorted(maps.Keys(rates))
	ports := map[string]string{"192.168.77.3:4002": "22"}
	var flows []monitor.Flow
	for _, a := range from {
		to := "203.0.113.9:" + cmp.Or(ports[a], "443")
		flows = append(flows, flowOf(monitor.TCP, a, to, "203.0.113.1:"+a[len(a)-4:], to, srcNAT|assured, monitor.PathForward))
		st.event(monitor.KindExisting, 100, live(flows[len(flows)-1], monitor.TCPEstablished, 432000), timed, nil)
	}
	st.commit()
	st.press("3")
	for second := range uint64(61) {
		for i, f := range flows {
			e := monitor.Event{Kind: monitor.KindExisting, Time: st.now, Flow: f, Has: monitor.AttrOrig | counted}
			e.Flow.CountersReply.Bytes, e.Flow.CountersOrig.Bytes = second*rates[from[i]], second*1000
			if i == 0 {
				e.Flow.CountersReply.Bytes += 60_000_000 // of the time before
			}
			if i == 0 && second > 30 && second < 40 {
				e.Flow.CountersReply.Bytes += 10_000_000 // a peak of ten seconds
			}
			st.refresher.take(&e)
		}
		st.frame()
		st.now += 1e9
	}
	st.now -= 1e9
	return st
}

// Once rates are known the busiest group is first. SHARE and the bar follow the order. A group
// opens to the groups within it, and leads to their flows.
func TestTopTree(t *testing.T) {
	st := busy(t)
	rows := func() (out []string) {
		for _, line := range strings.Split(st.screen(), "\n") {
			if f := strings.Fields(strings.TrimPrefix(line, " ▌")); len(f) > 6 && strings.Contains(line, " %") && strings.Contains(line, "B/s") {
				row, _, _ := strings.Cut(strings.Join(f, " "), " %")
				out = append(out, row)
			}
		}
		return out
	}
	check := func(keys string, want ...string) {
		t.Helper()
		if st.press(keys); !slices.Equal(rows(), want) {
			t.Errorf("after %q:\n%s\nwant\n%s", keys, strings.Join(rows(), "\n"), strings.Join(want, "\n"))
		}
	}
	check("", "▶ 192.168.77.3 1.0 MB/s 60 MB 2 67", "▶ 192.168.77.2 501 kB/s 90 MB 1 33",
		"▶ 192.168.77.4 2.0 kB/s 120 kB 1 0.1")
	check("z", "▼ 192.168.77.3 1.0 MB/s 60 MB 2 67", "tcp 443 901 kB/s 54 MB 1 60",
		"tcp 22 101 kB/s 6.1 MB 1 6.7", "▶ 192.168.77.2 501 kB/s 90 MB 1 33", "▶ 192.168.77.4 2.0 kB/s 120 kB 1 0.1")
	closed := []string{"▶ 192.168.77.2 501 kB/s 90 MB 1 60", "▶ 192.168.77.3 1.0 MB/s 60 MB 2 40",
		"▶ 192.168.77.4 2.0 kB/s 120 kB 1 <0.1"} // by bytes
	check("<right><right>s", closed[0], strings.Replace(closed[1], "▶", "▼", 1), "tcp 443 901 kB/s 54 MB 1 36",
		"tcp 22 101 kB/s 6.1 MB 1 4.0", closed[2])
	st.press("<down><down><enter>")
	if want := "src 192.168.77.3 and tcp and dport 443"; st.s.Text != want || st.s.Matched != 1 {
		t.Errorf("filter %q with %d flows, want %q with 1", st.s.Text, st.s.Matched, want)
	}
	st.press("<esc>")
	check("z", closed...)
	fields := func(text string) string { return "O" + strings.Repeat("<backspace>", 20) + text + "<enter>" }
	st.press(fields("srcs"))
	st.foot("a field that does not exist")
	st.press(fields("host > country"))
	st.foot("a field that is not looked up")
	check(fields("port"), "port 443 1.4 MB/s 144 MB 3 96", "port 22 101 kB/s 6.1 MB 1 4.0")
	check("<right>s", "port 443 1.4 MB/s 144 MB 3 75", "port 22 101 kB/s 6.1 MB 1 25") // by flows
}

// The peak of the last minute is that of all flows: it does not depend on the groups. The chosen
// grouping is in sight, even where the line is too narrow for all.
func TestTopKeepsThePeak(t *testing.T) {
	st := busy(t)
	st.size(60, 24)
	st.press("oooooooo")
	if s := st.line(3); !strings.Contains(s, "1-min peak 2.5 MB/s") {
		t.Errorf("by mark: %q", s)
	}
	st.press("O<ctrl+u>proto,state > dst,dport > src<enter>")
	if s := st.line(2); !strings.Contains(s, " … ") || !strings.Contains(s, "proto,state > dst,dport > src") {
		t.Errorf("the fields that were typed: %q", s)
	}
}

// The peak of the last minute is known when Top opens, because Flows counts it too. A filter has its own.
func TestPeakBeforeTop(t *testing.T) {
	st := newStage(t, readable)
	f := flowOf(monitor.TCP, "192.168.77.3:4001", "203.0.113.9:443", "203.0.113.1:4001", "203.0.113.9:443", srcNAT|assured,
		monitor.PathForward)
	st.event(monitor.KindExisting, 100, live(f, monitor.TCPEstablished, 432000), timed, nil)
	st.commit()
	for second := range uint64(20) {
		e := monitor.Event{Kind: monitor.KindExisting, Time: st.now, Flow: f, Has: monitor.AttrOrig | counted}
		e.Flow.CountersReply.Bytes = min(10, second) * 1_000_000
		st.refresher.take(&e)
		st.frame()
		st.now += 1e9
	}
	st.press("3")
	if s := st.screen(); !strings.Contains(s, "1-min peak 1.0 MB/s") {
		t.Error(s)
	}
	st.press("/tcp<enter>")
	if s := st.screen(); strings.Contains(s, "1-min peak 1.0 MB/s") || !strings.Contains(s, "1-min peak") {
		t.Error(s)
	}
}

// The traffic of the last minute is above the groups, and beside each.
func TestScreensBusy(t *testing.T) {
	st := busy(t)
	st.press("z")
	st.goldenScreens("top-busy", nil)
	st = busy(t)
	st.press("1")
	st.goldenScreens("flows-busy", nil)
	st = busy(t)
	st.press("4")
	st.goldenScreens("nat-busy", nil)
	st = busy(t)
	st.press("1<enter>")
	st.goldenScreens("detail-busy", nil)
}

func TestDrillDown(t *testing.T) {
	st := newStage(t)
	st.gateway()
	st.press("/tcp<enter>3<down><down><enter>")
	if st.s.Open != 0 || st.s.Text != "tcp and src 198.51.100.7" || st.s.Matched != 1 {
		t.Errorf("page %d, filter %q, %d flows", st.s.Open, st.s.Text, st.s.Matched)
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
		f := flowOf(
			monitor.TCP,
			"198.51.100.7:51022",
			"203.0.113.1:8080",
			"198.51.100.7:51022",
			"192.168.77.2:80",
			dstNAT,
			monitor.PathForward,
		)
		st.event(monitor.KindUpdate, 1, f, 0, nil)
	}
	st.commit()
	st.size(160, 50)
	st.press("4")
	screen := st.screen()
	golden.File(t, "screens/pool.txt", screen)
	st.press("<enter>")
	if st.s.Text != "tcp and snat and reply.dst 203.0.113.1" {
		t.Errorf("drilled down to %q", st.s.Text)
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
		want  string
	}{
		{"few", 20000, 63, "<0.1 % of 64,512"},
		{"yellow", 20000, 75, "75 % of 100"},
		{"red", 20000, 95, "95 % of 100"},
		{"kept", 40000, 95, "0.1 % of 64,512"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t)
			for i := range c.flows {
				as := 40000 + i
				if i == 1 && c.name != "kept" {
					as = 40099 // the kernel begins anywhere
				}
				to := "203.0.113.9:9999"
				st.event(
					monitor.KindNew,
					1,
					flowOf(monitor.UDP, fmt.Sprintf("192.168.77.2:%d", c.own+i), to, fmt.Sprintf("203.0.113.1:%d", as), to,
						srcNAT, monitor.PathForward),
					0,
					nil,
				)
			}
			st.commit()
			st.size(160, 50)
			if st.press("4"); !strings.Contains(st.cursor(), c.want) {
				t.Errorf("%q does not say %q", st.cursor(), c.want)
			}
		})
	}
}
