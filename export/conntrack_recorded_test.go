package export

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/export/conntrack"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// testdata/conntrack holds messages as a kernel sent them (events.hex,
// dump.*.hex) and what conntrack 1.4.7 printed for them in the same moment
// (TZ=UTC): events.* by conntrack -E, dump.* by conntrack -L, the last part of
// the name the modifiers. TCP, UDP, UDPLITE, ICMP, ICMPv6, GRE, SCTP, DCCP and
// protocol 253, both families, marks, zones, labels, a helper, accounting,
// timestamps, and entries that conntrack -I made.

// recorded are the modifiers by the name of the file.
var recorded = map[string]string{
	"plain": "", "id": "id", "timestamp": "timestamp", "ktimestamp": "ktimestamp", "extended": "extended",
	"labels": "labels", "id-labels": "id,labels", "all": "id,timestamp,ktimestamp,extended,labels,userspace",
	"xml": "xml", "xml-all": "xml,id,timestamp,ktimestamp,extended,labels",
}

func TestConntrackRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/conntrack/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			from, modifiers := name[:strings.LastIndex(name, ".")], recorded[name[strings.LastIndex(name, ".")+1:]]
			m, err := conntrack.ParseModifiers(modifiers)
			if err != nil {
				t.Fatal(err)
			}
			var o Options
			o.LabelFile, o.Location = "testdata/conntrack/connlabel.conf", time.UTC
			events := messages(t, from+".hex")
			asPrinted(t, events, want, &o)
			if from != "events" {
				asDumped(t, events, from+".time")
			}
			got := render(t, func(out *bytes.Buffer) monitor.Sink { return conntrack.NewWriter(out, m, o) }, events...)
			want = xmlUserspace.ReplaceAll(want, []byte("$1"))
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-conntrack +ours):\n%s", diff)
			}
		})
	}
}

// messages decodes a file of messages in hex, one a line.
func messages(t *testing.T, file string) []monitor.Event {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/conntrack", file))
	if err != nil {
		t.Fatal(err)
	}
	var d ctnetlink.Decoder
	b := &monitor.Batch{}
	for line := range strings.Lines(string(text)) {
		m, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(Recorded(m), b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Events
}

var (
	printedStamp = regexp.MustCompile(`^\[(\d+)\.(\d{6})\]\t`)
	printedWhen  = regexp.MustCompile(`<when><hour>(\d+)</hour><min>(\d+)</min><sec>(\d+)</sec><wday>\d</wday><day>(\d+)</day><month>(\d+)</month><year>(\d+)</year></when>`)
	printedProg  = regexp.MustCompile(` \[USERSPACE\] portid=(\d+) progname=(\w+)$`)
	xmlUserspace = regexp.MustCompile(`(?m)(</flow>) \[USERSPACE\] .*$`) // 1.4.9 leaves it out
)

// asPrinted gives the events what only the moment of printing knew: the time of
// receipt and the names of programs.
func asPrinted(t *testing.T, events []monitor.Event, printed []byte, o *Options) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	if bytes.HasPrefix(printed, []byte("<?xml")) {
		lines = lines[2:] // the header
	}
	named := make([]string, len(events))
	for i, line := range lines[:len(events)] {
		e := &events[i]
		if m := printedStamp.FindStringSubmatch(line); m != nil {
			e.Time = monitor.Time(number(t, m[1])*1e9 + number(t, m[2])*1e3)
		}
		if m := printedWhen.FindStringSubmatch(line); m != nil {
			e.Time = monitor.Time(time.Date(int(number(t, m[6])), time.Month(number(t, m[5])), int(number(t, m[4])),
				int(number(t, m[1])), int(number(t, m[2])), int(number(t, m[3])), 0, time.UTC).UnixNano())
		}
		if m := printedProg.FindStringSubmatch(line); m != nil {
			named[i] = m[2]
		}
	}
	// The program may be gone when conntrack checks: the answers follow the lines.
	asked := 0
	o.ProgName = func(portid uint32) string {
		for events[asked].PortID == 0 {
			asked++
		}
		asked++
		return named[asked-1]
	}
}

// asDumped gives the flows the time of the dump.
func asDumped(t *testing.T, events []monitor.Event, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/conntrack", file))
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		events[i].Time = monitor.Time(number(t, strings.TrimSpace(string(text))) * 1e9)
		if events[i].Kind != monitor.KindExisting {
			t.Fatal(fmt.Errorf("message %d of a dump is a %v", i, events[i].Kind))
		}
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
