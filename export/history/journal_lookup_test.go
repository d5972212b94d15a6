package history

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// openedFlow is flow n of a journal: of few hosts, every ninth IPv6, every eighth a
// DNAT, every seventh with both sides rewritten, in two namespaces.
func openedFlow(n int) (t Translation) {
	in, out := fmt.Sprintf("10.0.0.%d:%d", n%200, 1024+n%60000), fmt.Sprintf("203.0.113.%d:%d", n%5, 1024+n%50000)
	f := snat(in, out, "198.51.100.9:443")
	switch {
	case n%9 == 0:
		f = snat(fmt.Sprintf("[fd00::%x]:1024", n%300), fmt.Sprintf("[2001:db8::1]:%d", 1024+n%60000), "[2001:db8:9::9]:443")
	case n%8 == 0:
		peer := fmt.Sprintf("198.18.0.%d:%d", n%250, 1024+n%60000)
		f = flow(peer, "203.0.113.2:80", peer, in)
	case n%7 == 0:
		f = flow(in, "203.0.113.1:8080", fmt.Sprintf("10.0.1.%d:%d", n%9, 1024+n%60000), "10.0.0.9:80")
	}
	f.Orig.NetNS = monitor.NetNS(n % 2)
	f.Reply.NetNS = f.Orig.NetNS
	t.describe(&f)
	t.number, t.Start = uint64(n+1), at0+monitor.Time(n)
	return t
}

// writeJournal writes a journal of flows that a new one begins with, and of flows
// that open later. Of all, most close. Gaps touch the older ones.
func writeJournal(t testing.TB, dir string, base, flows int) {
	t.Helper()
	j := newJournal(t, dir, base)
	defer j.close()
	const each = 1000
	for from := base; from < flows; from += each {
		var opened, closed []Translation
		for n := from; n < from+each; n++ {
			opened = append(opened, openedFlow(n))
			if old := n - base; old%3 != 0 {
				closed = append(closed, openedFlow(old))
			}
		}
		var gaps []Gap
		if from == base {
			gaps = []Gap{{NetNS: 1, opened: uint64(base)}}
		}
		if err := j.begin(opened, gaps); err != nil {
			t.Fatal(err)
		}
		if err := j.commit(closed, &committed{at: at0 + monitor.Time(from)}); err != nil {
			t.Fatal(err)
		}
	}
}

// newJournal begins a journal with base flows.
func newJournal(t testing.TB, dir string, base int) *journal {
	t.Helper()
	names := func(n monitor.NetNS) string { return []string{"red", "blue"}[n] }
	j, err := draftJournal(dir, &committed{at: at0}, names, func(add func(*Translation)) {
		for n := range base {
			tr := openedFlow(n)
			add(&tr)
		}
	})
	if err == nil {
		err = j.publish()
	}
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// indexedJournal is a small journal with an index.
func indexedJournal(t testing.TB) []byte {
	dir := t.TempDir()
	writeJournal(t, dir, 5, 5)
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var lookups = []Query{
	{Outside: end("203.0.113.3:20002")},
	{Outside: end("203.0.113.3:20002"), Peer: end("198.51.100.9:443")},
	{Outside: end("203.0.113.2:80"), Inside: end("10.0.0.8")},
	{Outside: end("10.0.1.4")},
	{Outside: end("[2001:db8::1]:1060")},
	{Inside: end("10.0.0.5")},
	{Inside: end("10.0.0.5:2029")},
	{Inside: end("fd00::9")},
	{Inside: end("10.0.0.5"), From: at0 + 20_000, To: at0 + 30_000},
	{Inside: end("10.0.0.5"), Namespace: "blue"},
	{Outside: end("203.0.113.4")}, // thousands
	{Outside: end("192.0.2.1:1")},
}

// TestJournalIndex asks a journal of several indexes by them and by going through
// it. Damage, wherever it is, must be told or must not become an answer.
func TestJournalIndex(t *testing.T) {
	dir := t.TempDir()
	writeJournal(t, dir, 20_000, 60_000)
	path := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]map[openKey]Answer, len(lookups))
	for i := range lookups {
		j := journalOf(t, dir)
		l := newOpenLookup(&lookups[i], true)
		if bad, err := l.whole(j, 0); bad > 0 || err != nil {
			t.Fatal(bad, err)
		}
		l.end()
		want[i] = l.open
		if len(l.open) == 0 != (i == len(lookups)-1) {
			t.Errorf("%+v: %d answers", lookups[i], len(l.open))
		}
		got := lookUp(t, j, &lookups[i])
		if diff := cmp.Diff(want[i], got.open, cmp.AllowUnexported(openKey{}, Translation{})); diff != "" || !got.done || got.bad > 0 {
			t.Fatalf("%+v: done %v, %d bad, %s", lookups[i], got.done, got.bad, diff)
		}
	}
	if blocks, behind, ok := journalOf(t, dir).indexes(); len(blocks) < 3 || int(behind)*recordSize >= len(whole) || !ok {
		t.Fatalf("%d indexes, the last ends at %d of %d", len(blocks), behind*recordSize, len(whole))
	}
	damages := 300
	if testing.Short() {
		damages = 40
	}
	for n := range damages {
		bad := bytes.Clone(whole)
		for range 1 << (n % 14) {
			bad[rand.IntN(len(bad))] ^= 1 << rand.IntN(8)
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		i := n % len(lookups)
		got := lookUp(t, journalOf(t, dir), &lookups[i])
		if got.done && got.bad == 0 && !isSubset(got.open, want[i]) {
			t.Fatalf("%+v: damage became an answer: %v, want of %v", lookups[i], slices.Collect(maps.Keys(got.open)), slices.Collect(maps.Keys(want[i])))
		}
	}
}

func journalOf(t *testing.T, dir string) *journalFile {
	t.Helper()
	j, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.close)
	return j
}

// lookedUp is what the indexes said.
type lookedUp struct {
	done bool
	bad  int
	open map[openKey]Answer
}

func lookUp(t *testing.T, j *journalFile, q *Query) (got lookedUp) {
	t.Helper()
	l := newOpenLookup(q, true)
	var err error
	if got.done, got.bad, err = l.byIndex(j); err != nil {
		t.Fatal(err)
	}
	l.end()
	got.open = l.open
	return got
}

func isSubset(some, of map[openKey]Answer) bool {
	for k := range some {
		if _, ok := of[k]; !ok {
			return false
		}
	}
	return true
}

// TestJournalIndexRefuses asks what the indexes have no place for, or too much of:
// then all records are gone through.
func TestJournalIndexRefuses(t *testing.T) {
	dir := t.TempDir()
	writeJournal(t, dir, 40_000, 40_000)
	for _, q := range []Query{{}, {Peer: end("198.51.100.9:443")}, {Outside: End{Port: 1024, HasPort: true}}, {Outside: end("203.0.113.1")}} {
		if got := lookUp(t, journalOf(t, dir), &q); got.done {
			t.Errorf("%+v: %d answers", q, len(got.open))
		}
	}
}

// TestJournalIndexNames: an index behind a write that failed still names the
// namespaces of before, of which nothing opened since.
func TestJournalIndexNames(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir, 2) // the first flow is red, the second blue
	defer j.close()
	blue := []Translation{openedFlow(3)}
	full, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	whole := j.f
	if j.f = full; j.begin(blue, nil) == nil {
		t.Fatal("a write to a file that is open for reading went well")
	}
	j.f = whole
	err = j.begin(blue, nil)
	if err == nil {
		err = j.writeIndex()
	}
	if err != nil {
		t.Fatal(err)
	}
	red := openedFlow(0)
	in := red.Inside(SourceSide)
	got := lookUp(t, journalOf(t, dir), &Query{Inside: End{Addr: in.Addr.Netip(), Port: in.Port, HasPort: true}, Namespace: "red"})
	if len(got.open) != 1 || !got.done {
		t.Errorf("done %v, %d answers, want one in red", got.done, len(got.open))
	}
}

// closedRecords is a list of so many records with the numbers of flows that closed, in
// order, on a disk that nothing is written to.
type closedRecords int64

func (c closedRecords) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for ; n+recordSize <= len(p) && off < int64(c)*recordSize; off, n = off+recordSize, n+recordSize {
		var numbers []uint64
		for i := range uint64(entriesEach) {
			numbers = append(numbers, 10*(uint64(off)/recordSize*entriesEach+i))
		}
		copy(p[n:], appendIndex(nil, numbers))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestJournalLongList looks numbers up in a list of 4 GiB, more than an int counts where
// it has 32 bits: it stays on disk.
func TestJournalLongList(t *testing.T) {
	const records = 1 << 26
	list, buf, err := section{&readAhead{r: closedRecords(records)}, 0, records}.load(nil)
	if err != nil || len(buf) > 0 || list.n != records {
		t.Fatalf("%d bytes in memory for %d records: %v", len(buf), list.n, err)
	}
	for number, want := range map[uint64]bool{0: true, 5: false, 7_654_320: true, 10 * (records*entriesEach - 1): true, 10 * records * entriesEach: false} {
		found := false
		if ok := list.between(number, number, func(uint64) bool { found = true; return false }); !ok || found != want {
			t.Errorf("%d: found %v, sound %v", number, found, ok)
		}
	}
}

// BenchmarkJournalLookup asks a journal of half a million flows for one in two
// hundred of them, by its indexes and by going through it.
func BenchmarkJournalLookup(b *testing.B) {
	dir := b.TempDir()
	writeJournal(b, dir, 300_000, 500_000)
	j, err := openJournal(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer j.close()
	q := Query{Inside: end("10.0.0.5")}
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			if done, _, err := newOpenLookup(&q, true).byIndex(j); !done || err != nil {
				b.Fatal(done, err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			if bad, err := newOpenLookup(&q, true).whole(j, 0); bad > 0 || err != nil {
				b.Fatal(bad, err)
			}
		}
	})
}
