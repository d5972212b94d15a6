package history

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/monitor"
)

// threeSegments writes 300 flows into three segments, flow n through port n+1.
func threeSegments(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	w := open(t, Config{Dir: dir, SegmentRows: 100, now: (&clock{at0}).now})
	for n := range 300 {
		var f feed
		fl := client("1")
		fl.Orig.SrcPort, fl.Reply.DstPort = uint16(n+1), uint16(n+1)
		f.add(monitor.KindNew, at0+monitor.Time(n)*second, uint64(n+1), fl)
		f.add(monitor.KindDestroy, at0+monitor.Time(n+1)*second, uint64(n+1), fl)
		write(t, w, &f)
		if n%100 == 99 {
			syncUp(t, w)
		}
	}
	closeWriter(t, w)
	return dir
}

// TestDamage flips bits in a segment and cuts it. Whatever is answered must be
// true, a file that is not well must be named, and the other two must answer.
func TestDamage(t *testing.T) {
	dir := threeSegments(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	path := segmentPath(dir, 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		bad := bytes.Clone(whole)
		cut := i%10 == 0
		if cut {
			bad = bad[:dice.IntN(len(bad))]
		} else {
			for range 1 + i%4 {
				bad[dice.IntN(len(bad))] ^= 1 << dice.IntN(8)
			}
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		got, res := ask(t, dir, Query{})
		checkAnswers(t, got)
		if n := len(got); n < 200 || n > 300 {
			t.Fatalf("%d answers", n)
		}
		if (cut || len(got) < 300) && len(res.Faults) == 0 {
			t.Fatalf("%d answers of 300 and no word about it", len(got))
		}
		for _, fault := range res.Faults {
			if !strings.Contains(fault.Error(), filepath.Base(path)) {
				t.Fatalf("a fault names no file: %v", fault)
			}
		}
		// By the indexes, which damage can hit as well.
		port := uint16(100 + dice.IntN(100))
		got, _ = ask(t, dir, Query{Outside: End{Addr: end("203.0.113.7").Addr, Port: port, HasPort: true}})
		checkAnswers(t, got)
	}
}

// checkAnswers holds answers to what threeSegments wrote.
func checkAnswers(t *testing.T, got []Answer) {
	t.Helper()
	for _, a := range got {
		n := int(a.SentAs.Port) - 1
		if a.From.Port != a.SentAs.Port || a.Start != at0+monitor.Time(n)*second || a.End != a.Start+second || a.From.Addr.String() != "10.0.0.1" {
			t.Fatalf("damage became an answer: %+v", a)
		}
	}
}

// TestDamageBesides damages the catalog and the journal: the segments answer all
// the same, and a new writer mends what can be.
func TestDamageBesides(t *testing.T) {
	dir := threeSegments(t)
	for _, name := range []string{catalogName, journalName} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("what is this? "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, res := ask(t, dir, Query{})
	checkAnswers(t, got)
	if len(got) != 300 || len(res.Faults) != 2 || !strings.Contains(res.Faults[0].Error(), journalName) || !strings.Contains(res.Faults[1].Error(), catalogName) {
		t.Fatalf("%d answers, faults %v", len(got), res.Faults)
	}
	closeWriter(t, open(t, Config{Dir: dir, now: (&clock{at0 + 999*second}).now}))
	got, res = ask(t, dir, Query{})
	checkAnswers(t, got)
	if len(got) != 300 || len(res.Faults) != 0 {
		t.Fatalf("after a new writer: %d answers, faults %v", len(got), res.Faults)
	}
}

// TestFilesTakenAway expects a segment and a journal that somebody has taken away to
// be named, and the next writer to leave a gap in the segment's place: no time is
// called watched of which nothing is known any more.
func TestFilesTakenAway(t *testing.T) {
	dir := threeSegments(t)
	for _, path := range []string{segmentPath(dir, 3), filepath.Join(dir, journalName)} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a question changes nothing
		got, res := ask(t, dir, Query{})
		checkAnswers(t, got)
		if len(got) != 200 || len(res.Faults) != 2 || !strings.Contains(res.Faults[0].Error(), journalName+": there is no such file") ||
			!strings.Contains(res.Faults[1].Error(), segmentPath(dir, 3)+": the file is gone, though the catalog lists it") {
			t.Fatalf("%d answers, faults %v", len(got), res.Faults)
		}
	}
	w := open(t, Config{Dir: dir, now: (&clock{at0 + 999*second}).now})
	for _, when := range []string{"while a new writer is at work", "after it"} {
		got, res := ask(t, dir, Query{})
		checkAnswers(t, got)
		want := Gap{From: at0 + 200*second, To: at0 + 300*second, Count: 100, Cause: Removed}
		if len(got) != 200 || len(res.Faults) != 0 || len(res.Gaps) != 1 || res.Gaps[0] != want {
			t.Errorf("%s: %d answers, faults %v, gaps %+v, want %+v", when, len(got), res.Faults, res.Gaps, want)
		}
		if w != nil {
			closeWriter(t, w)
			w = nil
		}
	}
}

// FuzzJournal reads a journal of any bytes.
func FuzzJournal(f *testing.F) {
	var r record
	tr := Translation{Start: at0, number: 3, NAT: SNAT, Proto: monitor.TCP, Family: monitor.IPv4}
	f.Add(appendOpened(nil, &tr))
	f.Add(appendOpened(nil, &Translation{number: 9, Start: at0, From: endpoint("[fd00::1]:1")}))
	f.Add(appendNamespace([]byte("x"), 7, "blue"))
	f.Add(indexedJournal(f))
	r.setClosed([]Translation{tr})
	f.Add(r[:50])
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for at := 0; at+recordSize <= len(data); at += recordSize { // most with a checksum that is right
			r := (*record)(data[at:])
			if r[63]%4 != 0 {
				r.seal(recordKind(1 + r[4]%byte(recordIndexed)))
			}
		}
		if err := os.WriteFile(filepath.Join(dir, journalName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := surveyJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.open) > len(data)/recordSize {
			t.Fatalf("%d open flows of %d bytes", len(s.open), len(data))
		}
		j, err := openJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		q := Query{Outside: end("203.0.113.7")}
		l := newOpenLookup(&q, false)
		if _, _, err := l.byIndex(j); err != nil || len(l.open) > len(data)/recordSize {
			t.Fatalf("%d open flows of %d bytes, %v", len(l.open), len(data), err)
		}
	})
}
