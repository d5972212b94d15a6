package export

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"natlens/export/csv"
	"natlens/monitor"
	"natlens/monitor/golden"
)

func TestNew(t *testing.T) {
	tests := []struct{ format, first string }{
		{"pretty", "06:12:01.123  new      tcp  SYN_SENT     192.168.77.2:39502 ⇒ 203.0.113.1:39502 → 203.0.113.9:443\n"},
		{"jsonl", `{"v":1,"ts":"2026-11-22T06:12:01.123456789Z","ts_source":"kernel","seq":0,"event":"new","id":1561741433,"family":"ipv4",` +
			`"proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9",` +
			`"dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat",` +
			`"src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done","dst_nat_done"],"path":"forward","flow":7}` + "\n"},
		{"csv", csv.Header + "\n"},
		{"conntrack", "    [NEW] tcp      6 120 SYN_SENT src=192.168.77.2 dst=203.0.113.9 sport=39502 dport=443 [UNREPLIED] " +
			"src=203.0.113.9 dst=203.0.113.1 sport=443 dport=39502\n"},
		{"conntrack,id,ext", "    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=192.168.77.2 dst=203.0.113.9 sport=39502 dport=443 [UNREPLIED] " +
			"src=203.0.113.9 dst=203.0.113.1 sport=443 dport=39502 id=1561741433\n"},
		{"conntrack,xml", "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		sink, err := New(tt.format, &out, Options{Location: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Write(batch(tcpEvents()[0])); err != nil {
			t.Fatal(err)
		}
		if first, _, _ := bytes.Cut(out.Bytes(), []byte("\n")); string(first)+"\n" != tt.first {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.format, first, tt.first)
		}
	}
}

func TestNewErrors(t *testing.T) {
	for _, format := range []string{"josnl", "json", "JSONL", "xml", "", "yaml", "csv,id", "conntrack,", "conntrack,labls"} {
		sink, err := New(format, io.Discard, Options{})
		golden.Words(t, "-o "+format, err)
		if sink != nil {
			t.Errorf("%q opens a sink", format)
		}
	}
}

// short takes n bytes and then fails.
type short struct {
	n      int
	err    error
	writes int
}

func (s *short) Write(p []byte) (int, error) {
	s.writes++
	if len(p) > s.n {
		return s.n, s.err
	}
	s.n -= len(p)
	return len(p), nil
}

// TestSinksStick holds every sink to one Write a batch and to its first error.
func TestSinksStick(t *testing.T) {
	full := errors.New("full")
	for _, format := range []string{"pretty", "jsonl", "csv", "conntrack", "conntrack,xml"} {
		for _, broken := range []error{full, nil} {
			w := &short{n: 1 << 20, err: broken}
			sink, err := New(format, w, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := sink.Write(batch(events()...)); err != nil || w.writes != 1 {
				t.Errorf("%s: %d writes for a batch, %v", format, w.writes, err)
			}
			w.n = 5
			want := broken
			if broken == nil {
				want = io.ErrShortWrite // a writer that says nothing
			}
			for range 2 {
				if err := sink.Write(batch(events()...)); !errors.Is(err, want) {
					t.Errorf("%s: error %v, want %v", format, err, want)
				}
			}
			if err := sink.Close(); !errors.Is(err, want) || w.writes != 2 {
				t.Errorf("%s: Close returns %v after %d writes", format, err, w.writes)
			}
		}
	}
}

// TestSinksRetainNothing overwrites a batch after it was written.
func TestSinksRetainNothing(t *testing.T) {
	for _, f := range Formats {
		var out bytes.Buffer
		sink, err := New(f.Name, &out, Options{Location: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		b := batch(rareEvents()[0])
		x := *b.Events[0].Extra
		x.Helper = []byte("ftp")
		b.Events[0].Extra = &x
		if err := sink.Write(b); err != nil {
			t.Fatal(err)
		}
		once := out.String()
		x.Helper[0] = 'X'
		b.Events[0] = monitor.Event{Kind: monitor.KindNew, Flow: tcpEvents()[0].Flow, Has: always}
		if err := sink.Write(b); err != nil {
			t.Fatal(err)
		}
		if out.String()[:len(once)] != once || bytes.Contains(out.Bytes()[len(once):], []byte("tp")) {
			t.Errorf("%s: the second batch shows the first: %s", f.Name, out.String()[len(once):])
		}
	}
}
