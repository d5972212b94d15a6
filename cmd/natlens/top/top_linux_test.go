package top

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestAgreesWithConntrack compares sums of top with those of conntrack -L, in both directions.
func TestAgreesWithConntrack(t *testing.T) {
	conntrack := labtest.Need(t, "conntrack")
	l := labtest.NewWith(t, lab.Config{Acct: true, Sysctls: map[string]string{
		"net.netfilter.nf_conntrack_udp_timeout": "600", "net.netfilter.nf_conntrack_udp_timeout_stream": "600"}})
	for i, u := range []lab.UDP{{Bytes: 100}, {Bytes: 1000}, {From: l.Client2, Bytes: 500}, {From: l.Client2, Bytes: 1200, NoReply: true}} {
		if u.To = lab.ServerDNS; u.NoReply {
			u.To = lab.ServerHTTP
		}
		if _, err := l.UDPOnce(t.Context(), u); err != nil {
			t.Fatal(i, err)
		}
	}
	var listed []byte
	err := l.Gateway.Do(func() (err error) {
		listed, err = exec.CommandContext(t.Context(), conntrack, "-L", "-p", "udp").Output()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][3]uint64{}
	number := regexp.MustCompile(`bytes=(\d+)`)
	for line := range strings.Lines(string(listed)) {
		_, src, _ := strings.Cut(line, "src=")
		_, port, _ := strings.Cut(line, "dport=")
		sum := want[strings.Fields(src)[0]+" "+strings.Fields(port)[0]]
		sum[0]++
		for i, bytes := range number.FindAllStringSubmatch(line, 2) {
			n, _ := strconv.ParseUint(bytes[1], 10, 64)
			sum[1+i] += n
		}
		want[strings.Fields(src)[0]+" "+strings.Fields(port)[0]] = sum
	}
	if len(want) != 3 {
		t.Fatalf("conntrack lists\n%s", listed)
	}
	top := clitest.Run(t.Context(), New, "", "udp", "--by", "src > dport", "--netns", l.Gateway.Path())
	var all document
	if err := json.Unmarshal([]byte(top.Stdout), &all); err != nil || top.Stderr != "" {
		t.Fatal(top.Err, top.Stderr, err)
	}
	got := map[string][3]uint64{}
	for _, host := range all.Groups {
		for _, port := range host.Groups {
			if port.Rate == nil || *port.Rate != (both{}) || port.New == nil || *port.New != 0 {
				t.Errorf("flows without new packets: %s", top.Stdout)
			}
			got[fmt.Sprint(host.Key["src"], " ", port.Key["dport"])] = [3]uint64{port.Flows, port.Bytes.Up, port.Bytes.Down}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("top\n%v\nconntrack\n%v", got, want)
	}
}

// TestNotCounted expects a table without counters to be printed at once, without bytes, with a line that says why.
func TestNotCounted(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	labtest.FlowsUDP(t, l, 2)
	args := []string{"udp", "--by", "dport", "--netns", l.Gateway.Path()}
	top := clitest.Run(t.Context(), New, "", args...)
	_, stdout, _ := strings.Cut(top.Stdout, `"by"`)
	if stdout != `:"dport","flows":2,"groups":[{"key":{"dport":53},"flows":2}]}`+"\n" || top.Err != nil {
		t.Errorf("%v %s", top.Err, top.Stdout)
	}
	text, command, _ := strings.Cut(top.Stderr, " → ")
	if golden.Words(t, "not counted", text); !strings.HasSuffix(command, "sysctl -w net.netfilter.nf_conntrack_acct=1\n") {
		t.Errorf("command %q", command)
	}
	labtest.SetConntrack("acct", "1")(t, l)
	top = clitest.Run(t.Context(), New, "", args...)
	golden.Words(t, "no counters", top.Stderr)
	labtest.ForgetFlows(t, l)
	top = clitest.Run(t.Context(), New, "", args...)
	if !strings.HasPrefix(top.Stderr, "natlens: the table is empty: ") {
		t.Errorf("%s", top.Stderr)
	}
}
