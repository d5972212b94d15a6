//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// compareTshark has tshark, if it is there, read a recording, and holds what it
// decodes of each message to our JSON line of it.
func compareTshark(t *testing.T, path, lines string) {
	t.Helper()
	tshark, ok := labtest.Have(t, "tshark")
	if !ok {
		return
	}
	fields := []string{
		"netlink-netfilter.nfct_tuple.ip.ip_addr", "netlink-netfilter.nfct_tuple.ip.ip6_addr", "netlink-netfilter.nfct_tuple.proto.num",
		"netlink-netfilter.nfct_tuple.proto.src_port", "netlink-netfilter.nfct_tuple.proto.dst_port",
		"netlink-netfilter.ct_attr.id", "netlink-netfilter.ct_attr.timeout",
	}
	args := []string{"-r", path, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command(tshark, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var want []string
	for _, line := range clitest.Lines(t, lines) {
		if line["event"] != "lost" && line["event"] != "resynced" {
			want = append(want, tsharkOf(line))
		}
	}
	if got := bothTuples(string(out)); got != strings.Join(want, "\n") {
		t.Errorf("%s: tshark says otherwise: %s", path, firstDifference(got, strings.Join(want, "\n")))
	}
}

// bothTuples leaves out the tuple of a master, which lines remember.
func bothTuples(fields string) string {
	var lines []string
	for line := range strings.Lines(fields) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		for i, most := range []int{4, 4, 2, 2, 2} {
			parts := strings.Split(cells[i], ",")
			cells[i] = strings.Join(parts[:min(len(parts), most)], ",")
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return strings.Join(lines, "\n")
}

// tsharkOf is what tshark should say of an event, by its JSON line.
func tsharkOf(line map[string]any) string {
	var v4, v6, protos, sports, dports []string
	for _, name := range []string{"orig", "reply"} {
		tuple := line[name].(map[string]any)
		addrs := &v4
		if line["family"] == "ipv6" {
			addrs = &v6
		}
		*addrs = append(*addrs, tuple["src"].(string), tuple["dst"].(string))
		protos = append(protos, fmt.Sprint(line["protonum"]))
		for _, port := range []struct {
			to    *[]string
			names []string
		}{{&sports, []string{"sport", "srckey"}}, {&dports, []string{"dport", "dstkey"}}} {
			for _, n := range port.names {
				if v, ok := tuple[n]; ok {
					*port.to = append(*port.to, fmt.Sprint(v))
				}
			}
		}
	}
	id, timeout := "", ""
	if v, ok := line["id"].(float64); ok {
		id = fmt.Sprintf("0x%08x", uint32(v))
	}
	if v, ok := line["timeout"].(float64); ok {
		timeout = fmt.Sprint(uint32(v))
	}
	join := func(s []string) string { return strings.Join(s, ",") }
	return strings.Join([]string{join(v4), join(v6), join(protos), join(sports), join(dports), id, timeout}, "|")
}
