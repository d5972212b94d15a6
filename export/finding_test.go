package export

import (
	"bytes"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/export/jsonl"
	"natlens/export/pretty"
	"natlens/monitor"
	"natlens/monitor/golden"
)

// aFinding is one with everything in it.
func aFinding() monitor.Finding {
	return monitor.Finding{
		Rule: "syn-unanswered", Severity: monitor.SeverityWarn, Subject: "203.0.113.66:443",
		Text: "23 TCP connections to 203.0.113.66:443 not answered, 21 for 3s and longer", Why: "the server is down",
		Flows: 23, Figures: []monitor.Figure{{Name: "flows", Value: 23}, {Name: "limit", Value: 20}, {Name: "percent", Value: 1.5}},
		Examples: []monitor.FlowRef{{Row: 3, Gen: 7, Orig: monitor.Tuple{
			Src: monitor.AddrFrom4([4]byte{192, 168, 77, 2}), Dst: monitor.AddrFrom4([4]byte{203, 0, 113, 66}), SrcPort: 40000, DstPort: 443, Proto: monitor.TCP, Family: monitor.IPv4,
		}}},
		Filter: "tcp syn_sent unreplied dst 203.0.113.66 dport 443", Command: "natlens list --netns 'a\x1bb' 'tcp …'",
		Since: 1_700_000_000_000_000_000, Seen: 1_700_000_001_000_000_000, Seq: 12,
	}
}

const findingLine = `{"v":1,"ts":"2023-11-14T22:13:21.000000000Z","seq":12,"event":"finding","finding":"appeared","rule":"syn-unanswered","severity":"warn",` +
	`"subject":"203.0.113.66:443","text":"23 TCP connections to 203.0.113.66:443 not answered, 21 for 3s and longer","why":"the server is down",` +
	`"filter":"tcp syn_sent unreplied dst 203.0.113.66 dport 443","command":"natlens list --netns 'a\u001bb' 'tcp …'","since":"2023-11-14T22:13:20.000000000Z",` +
	`"flows":23,"figures":{"flows":23,"limit":20,"percent":1.5},"examples":[{"flow":7,"proto":"tcp","protonum":6,"orig":{"src":"192.168.77.2","sport":40000,"dst":"203.0.113.66","dport":443}}]}` + "\n"

func TestFindingJSON(t *testing.T) {
	var out bytes.Buffer
	sink := jsonl.NewWriter(&out)
	f := aFinding()
	if err := sink.Finding(&f); err != nil || out.String() != findingLine {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), findingLine)
	}
	f.Cleared = f.Seen + 1
	sink.Namespaces = new(monitor.Namespaces)
	f.NetNS, _ = sink.Namespaces.Add(monitor.Namespace{Name: "red"})
	if err := sink.Finding(&f); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte(`","netns":"red","since":"`)) {
		t.Errorf("no namespace in %s", out.Bytes())
	}
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	lines = lines[:len(lines)-1]
	if len(lines) != 2 || !bytes.Contains(lines[1], []byte(`"ts":"2023-11-14T22:13:21.000000001Z","seq":12,"event":"finding","finding":"cleared"`)) {
		t.Errorf("%q", lines)
	}
	for _, line := range append(lines, []byte(`{"v":1,"seq":1,"event":"finding","finding":"gone","rule":"idle","severity":"info","subject":"table","text":"x"}`)) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := schema.Validate(value); (err != nil) != bytes.Contains(line, []byte(`"gone"`)) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestFindingText(t *testing.T) {
	var out bytes.Buffer
	f := aFinding()
	f.Text, f.Command = "one", "natlens list 'a\x1bb'"
	pretty := pretty.NewWriter(&out, Options{Location: time.UTC})
	notes := FindingNotes{&out}
	for _, cleared := range []monitor.Time{0, f.Seen} {
		f.Cleared = cleared
		for _, sink := range []monitor.FindingSink{pretty, notes} {
			if err := sink.Finding(&f); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden.Words(t, "", out.String())
}
