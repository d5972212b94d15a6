//go:build linux

package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/monitor/filter"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// findingLine is a line of a finding.
type findingLine struct {
	Event, Finding, Rule, Severity, Subject, Filter, Command string
	Seq, Flows                                               uint64
	Examples                                                 []struct{ Flow uint64 }
}

// lineSchema is the schema that is published for lines of JSON.
var lineSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile(filepath.Join(moduleTop, "docs", "event.schema.json"))
})

// checkSchema holds a line that natlens wrote to the schema.
func checkSchema(t *testing.T, line string) {
	t.Helper()
	schema, err := lineSchema()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

// nextFinding reads lines up to one of a finding, each of which fits the schema.
func nextFinding(t *testing.T, p *process) (f findingLine) {
	t.Helper()
	for f.Event != "finding" {
		line := p.line(t)
		checkSchema(t, line)
		f = findingLine{}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return f
}

// end ends a run as ^C does.
func end(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

// unanswered opens connections from the client that nobody answers.
func unanswered(t *testing.T, l *lab.Lab, n uint16) {
	t.Helper()
	for i := range n {
		to := lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 30000+i), To: netip.AddrPortFrom(lab.Blackhole, 81)}
		if _, err := l.SYNOnce(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWatchFindings expects a finding to come once between the lines of events,
// also of flows that were there before and that the filter does not want, its
// command to show the flows, and to be gone once.
func TestWatchFindings(t *testing.T) {
	// With 2 the ends of flows that were there before would be seen a minute late.
	l := labtest.NewWith(t, lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "1"}})
	unanswered(t, l, 6)
	p := start(t, l, "watch", "--findings", "--threshold", "syn-unanswered=6", "--threshold", "syn-age=50ms", "-o", "jsonl", "udp")
	p.listening(t)
	f := nextFinding(t, p)
	if f.Finding != "appeared" || f.Rule != "syn-unanswered" || f.Severity != "warn" || f.Subject != "203.0.113.66:81" || f.Flows != 6 || len(f.Examples) != 4 {
		t.Errorf("%+v", f)
	}
	if _, err := filter.Parse(f.Filter); err != nil {
		t.Error(err)
	}
	// The report is what the kernel has.
	list := start(t, l, "list", "-o", "conntrack", f.Filter)
	if got := list.rest(t); strings.Count(got, "[UNREPLIED]") != 6 {
		t.Errorf("%s shows\n%s", f.Command, got)
	}
	list.wait(t)
	if !strings.HasSuffix(f.Command, "natlens list '"+f.Filter+"'") {
		t.Error(f.Command)
	}
	labtest.ForgetFlows(t, l)
	if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS}); err != nil {
		t.Fatal(err)
	}
	if gone := nextFinding(t, p); gone.Finding != "cleared" || gone.Rule != f.Rule || gone.Subject != f.Subject || gone.Seq <= f.Seq {
		t.Errorf("%+v", gone)
	}
	end(t, p)
}

// TestWatchFindingsNotes expects a format without a line for findings to stay as
// it is.
func TestWatchFindingsNotes(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	unanswered(t, l, 6)
	p := start(t, l, "watch", "--findings", "--threshold", "syn-unanswered=6", "--threshold", "syn-age=50ms", "-o", "csv", "false")
	const want = "natlens: syn-unanswered: 6 TCP connections to 203.0.113.66:81 not answered, 6 for 50ms and longer → "
	labtest.WaitFor(t, "a note", func() bool { return strings.Contains(p.stderr.String(), want) })
	end(t, p)
	if out := p.rest(t); out != "" && strings.Count(out, "\n") != 1 {
		t.Errorf("got %s", out)
	}
}

// TestDoctorFindings expects doctor to report what it found, and
// of nothing when the cause is gone.
func TestDoctorFindings(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{})
	unanswered(t, l, 6)
	type about struct {
		Rule, Subject, Filter string
		Flows                 uint64
	}
	findingsOf := func() (found []about) {
		p := start(t, l, "doctor", "-o", "json", "--for", "1500ms", "--threshold", "syn-unanswered=6")
		var out struct {
			Verdict  string
			Findings []struct {
				Rule, Severity, Subject, Filter, Command string
				Flows                                    uint64
				Figures                                  map[string]float64
			}
		}
		text := p.rest(t)
		p.wait(t)
		if err := json.Unmarshal([]byte(text), &out); err != nil || out.Findings == nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, f := range out.Findings {
			if f.Figures["flows"] != 6 || f.Figures["limit"] != 6 {
				t.Errorf("%+v", f)
			}
			found = append(found, about{f.Rule, f.Subject, f.Filter, f.Flows})
		}
		return found
	}
	want := about{"syn-unanswered", "203.0.113.66:81", "tcp syn_sent unreplied dst 203.0.113.66 dport 81", 6}
	if got := findingsOf(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v", got)
	}
	p := start(t, l, "doctor", "--for", "1500ms", "--threshold", "syn-unanswered=6")
	text := p.rest(t)
	p.wait(t)
	if !strings.Contains(text, "\n! syn-unanswered      6 TCP connections to 203.0.113.66:81 not answered, 6 for 750ms and longer → ") {
		t.Error(text)
	}
	labtest.ForgetFlows(t, l)
	if got := findingsOf(); len(got) != 0 {
		t.Errorf("after: %+v", got)
	}
}
