package export_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/lab/labtest"
)

// tsharkFields are what tshark prints of each message and we compare.
var tsharkFields = []string{
	"frame.time_epoch", "netlink-netfilter.nfct_tuple.ip.ip_addr", "netlink-netfilter.nfct_tuple.ip.ip6_addr",
	"netlink-netfilter.nfct_tuple.proto.num", "netlink-netfilter.nfct_tuple.proto.src_port", "netlink-netfilter.nfct_tuple.proto.dst_port",
	"netlink-netfilter.ct_attr.id", "netlink-netfilter.ct_attr.timeout", "netlink-netfilter.ct_attr.status",
}

// TestTshark has tshark, whose decoder shares nothing with ours, read a recording:
// its tuples, ids, timeouts and status words are ours.
func TestTshark(t *testing.T) {
	all := kernelEvents(t)
	args := []string{"-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator=,"}
	for _, f := range tsharkFields {
		args = append(args, "-e", f)
	}
	out := tshark(t, all, args...)
	got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(got) != len(all.Events) {
		t.Fatalf("%d messages, tshark sees %d", len(all.Events), len(got))
	}
	for i := range all.Events {
		if want := tsharkLine(&all.Events[i]); got[i] != want {
			t.Errorf("message %d:\ntshark %s\nours   %s", i+1, got[i], want)
		}
	}
}

// tsharkLine is what tshark should say of an event.
func tsharkLine(e *monitor.Event) string {
	var v4, v6, protos, sports, dports []string
	tuples := []*monitor.Tuple{&e.Flow.Orig, &e.Flow.Reply}
	if e.Has&monitor.AttrMaster != 0 {
		tuples = append(tuples, &e.Extra.Master)
	}
	for _, t := range tuples {
		addrs := &v4
		if t.Family == monitor.IPv6 {
			addrs = &v6
		}
		*addrs = append(*addrs, t.Src.String(), t.Dst.String())
		protos = append(protos, fmt.Sprint(uint8(t.Proto)))
		// The kernel has no tracker of DCCP any more: its flows have no ports.
		if t.Proto.HasPorts() && t.SrcPort != 0 || t.Proto == monitor.GRE {
			sports = append(sports, fmt.Sprint(t.SrcPort))
			dports = append(dports, fmt.Sprint(t.DstPort))
		}
	}
	number := func(attr monitor.Attrs, form string, v uint32) string {
		if e.Has&attr == 0 {
			return ""
		}
		return fmt.Sprintf(form, v)
	}
	join := func(s []string) string { return strings.Join(s, ",") }
	return strings.Join([]string{
		fmt.Sprintf("%d.%09d", e.Time/1e9, e.Time%1e9), join(v4), join(v6), join(protos), join(sports), join(dports),
		number(monitor.AttrID, "0x%08x", e.Flow.ID), number(monitor.AttrTimeout, "%d", e.Flow.Timeout), number(monitor.AttrStatus, "0x%08x", uint32(e.Flow.Status)),
	}, "|")
}

// tshark has tshark print a recording of the events.
func tshark(t *testing.T, all *monitor.Batch, args ...string) string {
	t.Helper()
	program := labtest.Need(t, "tshark")
	path := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(path, recorded(t, monitor.NewLocals(nil), all), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"-r", path}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
