package export_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/export"
	"natlens/monitor"
)

// TestTsharkAttributes compares what tshark prints of the attributes that have no
// fields of their own there: each by its name and place, as the bytes that it shows,
// with what we make of them.
func TestTsharkAttributes(t *testing.T) {
	if export.BigEndian {
		t.Skip("tshark's dissector of attributes is compared on a little endian machine")
	}
	all := kernelEvents(t)
	out := tshark(t, all, "-V")
	messages := strings.Split("\n"+out, "\nFrame ")[1:]
	if len(messages) != len(all.Events) {
		t.Fatalf("%d messages, tshark sees %d", len(all.Events), len(messages))
	}
	seen := map[string]bool{}
	for i := range all.Events {
		want, got := attributesOf(&all.Events[i]), shownAttributes(messages[i])
		for name := range want {
			seen[name] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message %d, ours (-) and tshark's (+):\n%s", i+1, diff)
		}
	}
	const kinds = 31
	if len(seen) != kinds {
		t.Errorf("%d kinds of values were compared, want %d: %v", len(seen), kinds, seen)
	}
}

// shownAttributes reads the text of a message: the path of names to each value.
func shownAttributes(text string) map[string]string {
	shown := map[string]string{}
	var names []string // of the attributes around a line, one a level of indentation
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		word := strings.TrimLeft(line, " ")
		level := (len(line) - len(word)) / 4
		if name, ok := strings.CutPrefix(word, "Attribute"); ok && level > 0 {
			names = append(names[:min(len(names), level-1)], strings.TrimPrefix(name, ": "))
			continue
		}
		label, value, ok := strings.Cut(word, ": ")
		if !ok || level < 2 || len(names) < level-1 {
			continue
		}
		path := strings.Join(names[:level-1], "/")
		switch label {
		case "Data":
			shown[path] = strings.TrimSuffix(value, "…")
		case "Zone", "Helper name", "Position", "Offset":
			shown[path] = value
		}
	}
	for path, value := range shown {
		if path == "Protocol-specific info" {
			shown[path] = value[4:18] // without its length: the protocol, and the state as its first attribute
		}
	}
	return shown
}

// attributesOf is what tshark should show of an event.
func attributesOf(e *monitor.Event) map[string]string {
	want := map[string]string{}
	f := &e.Flow
	has := func(a monitor.Attrs) bool { return e.Has&a != 0 }
	set := func(a monitor.Attrs, path, form string, v any) {
		if has(a) {
			want[path] = fmt.Sprintf(form, v)
		}
	}
	type tuple struct {
		name string
		is   *monitor.Tuple
		zone bool
	}
	tuples := []tuple{{"Original IP tuple", &f.Orig, has(monitor.AttrZoneOrig)}, {"Reply IP tuple", &f.Reply, has(monitor.AttrZoneReply)}}
	if has(monitor.AttrMaster) {
		tuples = append(tuples, tuple{"Master IP tuple", &e.Extra.Master, false})
	}
	for _, tu := range tuples {
		if tu.is.Proto.IsICMP() {
			version := map[monitor.Proto]string{monitor.ICMP: "4", monitor.ICMPv6: "6"}[tu.is.Proto]
			path := tu.name + "/L4 protocol info/ICMPv" + version
			want[path+" ID"] = fmt.Sprintf("%04x", tu.is.ICMPID())
			want[path+" type"] = fmt.Sprintf("%02x", tu.is.ICMPType())
			want[path+" code"] = fmt.Sprintf("%02x", tu.is.ICMPCode())
		}
		if tu.zone {
			want[tu.name+"/Zone"] = fmt.Sprint(tu.is.Zone)
		}
	}
	set(monitor.AttrZone, "Zone", "%04x", f.Zone)
	set(monitor.AttrMark, "Mark", "%08x", f.Mark)
	set(monitor.AttrUse, "Use count", "%08x", f.Use)
	counters := func(c monitor.Counters) string { return fmt.Sprintf("0c000100%016x0c000200%016x", c.Packets, c.Bytes) }
	set(monitor.AttrCountersOrig, "COUNTERS_ORIG", "%s", counters(f.CountersOrig))
	set(monitor.AttrCountersReply, "COUNTERS_REPLY", "%s", counters(f.CountersReply))
	switch {
	case has(monitor.AttrStop):
		want["Timestamp"] = fmt.Sprintf("0c000100%016x0c000200%016x", uint64(f.Start), uint64(f.Stop))
	case has(monitor.AttrStart):
		want["Timestamp"] = fmt.Sprintf("0c000100%016x", uint64(f.Start))
	}
	if e.TimeSource == monitor.TimeKernel {
		want[""] = fmt.Sprintf("%016x", uint64(e.Time)) // CTA_TIMESTAMP_EVENT has no name there
	}
	if has(monitor.AttrState) {
		protocol := map[monitor.Proto]int{monitor.TCP: 1, monitor.DCCP: 2, monitor.SCTP: 3}[f.Orig.Proto] // CTA_PROTOINFO_*
		want["Protocol-specific info"] = fmt.Sprintf("%02x8005000100%02x", protocol, uint8(f.State))
	}
	if x := e.Extra; x != nil {
		set(monitor.AttrHelper, "Helper/Helper name", "%s", x.Helper)
		set(monitor.AttrSynproxy, "SYNPROXY", "%s", fmt.Sprintf("08000100%08x08000200%08x08000300%08x", x.Synproxy.ISN, x.Synproxy.ITS, x.Synproxy.TSOff))
		set(monitor.AttrLabels, "LABELS", "%s", hex.EncodeToString(x.Labels))
		for _, adj := range []struct {
			attr monitor.Attrs
			name string
			is   monitor.SeqAdj
		}{
			{monitor.AttrSeqAdjOrig, "Sequence number adjustment (original direction)", x.SeqAdjOrig},
			{monitor.AttrSeqAdjReply, "Sequence number adjustment (reply direction)", x.SeqAdjReply},
		} {
			set(adj.attr, adj.name+"/Correction position", "%d", adj.is.Correction)
			set(adj.attr, adj.name+"/Offset before", "%d", adj.is.OffsetBefore)
			set(adj.attr, adj.name+"/Offset after", "%d", adj.is.OffsetAfter)
		}
	}
	return want
}
