package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// sealedHistory writes flows of all kinds, of two namespaces and with a gap, into one
// segment.
func sealedHistory(t testing.TB, flows int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	w := open(t, Config{Dir: dir, Names: names, Namespace: strings.Repeat("long", 2000), now: (&clock{at0}).now})
	var f feed
	for n := range flows {
		fl := crashFlow(1, n%60000)
		if n%8 != 0 && n%11 != 0 { // few hosts, so that each has flows in every chunk
			fl = snat(fmt.Sprintf("10.0.0.%d:%d", n%199, 1024+n%60000), fmt.Sprintf("203.0.113.1:%d", 1024+n%5000), "198.51.100.9:443")
		}
		if n%13 == 0 {
			fl = inNetNS(blue, fl)
		}
		begin := at0 + monitor.Time(n)*second/1000
		f.add(monitor.KindNew, begin, uint64(n+1), fl)
		f.add(monitor.KindDestroy, begin+second, uint64(n+1), fl)
		if n == flows/2 {
			f.lost(begin, begin, begin+second, 7)
		}
		if len(f.b.Events) > 400 {
			write(t, w, &f)
		}
	}
	write(t, w, &f)
	closeWriter(t, w)
	return dir
}

// oneSegment searches a segment, by the library unless the entry says that it is
// complete and one file.
func oneSegment(t testing.TB, dir string, e entry, q Query) (answers []Answer, gaps []Gap, err error) {
	t.Helper()
	s := &segmentFind{entry: e, out: make(chan []Answer)}
	go func() {
		defer close(s.out)
		s.err = s.run(t.Context(), &find{ctx: t.Context(), dir: dir, q: q})
	}()
	for batch := range s.out {
		answers = append(answers, batch...)
	}
	return answers, s.gaps, s.err
}

// TestSealedAsTheLibrary asks a complete segment of three chunks, whose trees have
// three levels, by the library and without it.
func TestSealedAsTheLibrary(t *testing.T) {
	flows := 140_000
	if testing.Short() {
		flows = 60_000 // one chunk
	}
	dir := sealedHistory(t, flows)
	entries, _, err := loadCatalog(filepath.Join(dir, catalogName))
	if err != nil || len(entries) != 1 || entries[0].state != segmentQuiet || entries[0].flows != int64(flows) {
		t.Fatalf("%+v, %v", entries, err)
	}
	sealed, byLibrary := entries[0], entries[0]
	byLibrary.state = segmentWhole
	middle := at0 + monitor.Time(flows)/2*second/1000
	for name, q := range map[string]Query{
		"an address and port":         {Outside: end("203.0.113.1:1027")},
		"an address of many":          {Outside: end("203.0.113.1")},
		"one protocol":                {Outside: end("203.0.113.1:1027"), Proto: monitor.TCP},
		"another protocol":            {Outside: end("203.0.113.1:1027"), Proto: monitor.UDP},
		"a host":                      {Inside: end("10.0.0.7")},
		"a host's port":               {Inside: end("10.0.0.7:1031")},
		"a host at a moment":          {Inside: end("10.0.0.7"), From: middle, To: middle},
		"a moment within the gap":     {Outside: end("203.0.113.1:1027"), From: middle + second/2, To: middle + second/2},
		"DNAT":                        {Outside: end("203.0.113.2:80")},
		"IPv6":                        {Outside: end("[2001:db8::1]:1035")},
		"an IPv6 host":                {Inside: end("fd00:1::b")},
		"a namespace":                 {Outside: end("203.0.113.1:1027"), Namespace: "blue"},
		"both ends":                   {Outside: end("203.0.113.1"), Inside: end("10.0.0.7"), Peer: end("198.51.100.9:443")},
		"nobody's":                    {Outside: end("192.0.2.1")},
		"nobody's, behind all others": {Outside: end("255.255.255.255:65535")},
		"nobody's, before all others": {Outside: end("0.0.0.0:0")},
	} {
		t.Run(name, func(t *testing.T) {
			got, gotGaps, err := oneSegment(t, dir, sealed, q)
			if err != nil {
				t.Fatal(err)
			}
			want, wantGaps, err := oneSegment(t, dir, byLibrary, q)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "nobody") && name != "another protocol" && len(want) == 0 {
				t.Error("the question finds nothing: it tests nothing")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d answers, by the library %d", len(got), len(want))
			}
			if diff := cmp.Diff(wantGaps, gotGaps, cmp.AllowUnexported(Gap{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSealedFindsEachFlow looks each flow of a segment up by its number.
func TestSealedFindsEachFlow(t *testing.T) {
	const flows = 3000
	f, err := openSealed(segmentPath(sealedHistory(t, flows), 1))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	root, err := f.root("flow")
	if err != nil {
		t.Fatal(err)
	}
	c := f.cursor()
	for id := int64(-1); id <= flows+2; id++ {
		row, err := c.find(root, id)
		if err != nil {
			t.Fatal(err)
		}
		var tr Translation
		switch {
		case (row != nil) != (id >= 1 && id <= flows):
			t.Fatalf("flow %d: there is %v", id, row != nil)
		case row == nil:
			continue
		}
		if got, _, sound := scanRow(row, &tr); got != id || !sound {
			t.Fatalf("flow %d is read as %d, sound %v", id, got, sound)
		}
	}
	names, err := f.namespaces()
	if diff := cmp.Diff(map[int64]string{0: strings.Repeat("long", 2000), 1: "blue"}, names); diff != "" || err != nil {
		t.Errorf("%v, names:\n%s", err, diff)
	}
}

// FuzzSealed reads a segment of any bytes: an error or an answer that bears its
// checksum, no panic, and an end.
func FuzzSealed(f *testing.F) {
	whole, err := os.ReadFile(segmentPath(sealedHistory(f, 400), 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, uint32(0), uint32(0), byte(0))
	for page := range uint32(len(whole) / 4096) { // what a page is, where its children are, its cells
		for _, at := range []uint32{0, 3, 8, 12, 20, 4000} {
			f.Add(whole, page*4096+at, uint32(len(whole)), byte(page))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at, length uint32, b byte) {
		data = bytes.Clone(data)
		if int(at) < len(data) {
			data[at] ^= b
		}
		data = data[:min(len(data), max(int(length), 1))]
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 1), data, 0o600); err != nil {
			t.Fatal(err)
		}
		e := entry{seq: 1, state: segmentQuiet, bytes: int64(len(data)), extent: extent{flows: 400, gapUntil: 1}}
		for _, q := range []Query{{Outside: end("203.0.113.1")}, {Inside: end("10.0.0.7")}, {Outside: end("2001:db8::1")}} {
			answers, _, err := oneSegment(t, dir, e, q)
			for _, a := range answers {
				if side, ok := q.Match(&a.Translation); !ok {
					t.Fatalf("an answer that was not asked for: %+v %v", a, side)
				}
			}
			if err != nil && !strings.Contains(err.Error(), "00000001.sqlite") {
				t.Fatalf("a fault names no file: %v", err)
			}
		}
	})
}

// TestSealedGoesInNoCircle has a page lead to itself.
func TestSealedGoesInNoCircle(t *testing.T) {
	path := segmentPath(sealedHistory(t, 3000), 1)
	s, err := openSealed(path)
	if err != nil {
		t.Fatal(err)
	}
	root := s.roots["outside"]
	s.close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := page{b: data[int64(root-1)*4096:][:4096]}
	if !p.inner() {
		t.Fatalf("the root is a leaf")
	}
	for i := range p.cells() {
		cell, err := p.cell(i)
		if err != nil {
			t.Fatal(err)
		}
		copy(cell, []byte{0, 0, byte(root >> 8), byte(root)})
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, res := ask(t, filepath.Dir(path), Query{Outside: end("203.0.113.1")})
	if len(res.Faults) != 1 || !strings.Contains(res.Faults[0].Error(), "00000001.sqlite: the file is damaged: page ") {
		t.Errorf("faults %v", res.Faults)
	}
}

// TestSealedRefusesAPageAgain looks twice at a page that says it has more cells than
// fit: a page that leads to others is kept in memory, but not this one.
func TestSealedRefusesAPageAgain(t *testing.T) {
	path := segmentPath(sealedHistory(t, 3000), 1)
	s, err := openSealed(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	root := s.roots["outside"]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[int64(root-1)*4096+3:], "\xff\xff")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	lo, hi := keyRange(0, end("203.0.113.1"), 0)
	for range 2 {
		err := s.cursor().between(root, &lo, &hi, func(*sealedRow) error { return nil })
		if want := fmt.Sprintf("%s: the file is damaged: page %d has 65535 cells", path, root); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSealedDeletedMeanwhile reads a file of which the name is gone by the time that
// its header is read, as retention may have it: an open file stays whole.
func TestSealedDeletedMeanwhile(t *testing.T) {
	dir := sealedHistory(t, 400)
	f, err := os.Open(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := &sealedFile{f: f, path: segmentPath(dir, 9), inner: map[uint32]page{}, roots: map[string]uint32{}}
	defer s.close()
	if err := s.begin(); err != nil {
		t.Error(err)
	}
}

// TestSearchEnds has the question end before segments are searched: none of those
// that are left is opened.
func TestSearchEnds(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	f := &find{dir: t.TempDir(), entries: []entry{{seq: 1}, {seq: 2}, {seq: 3}}}
	var done sync.WaitGroup
	l := f.startLane(ctx, shortLives, &done)
	done.Wait()
	for _, s := range l.finds {
		if _, more := <-s.out; more || !errors.Is(s.err, context.Canceled) {
			t.Errorf("segment %d: %v", s.entry.seq, s.err)
		}
	}
	if len(l.finds) != 3 {
		t.Errorf("%d segments", len(l.finds))
	}
}
