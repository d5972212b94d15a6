package history

import (
	"sync/atomic"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
)

type feed = translationtest.Feed

var at, client, in, snat = translationtest.At, translationtest.Client, translationtest.In, translationtest.SNAT

const second = translationtest.Second

// clock is a clock that tests set. Its steady part follows its wall clock unless
// jump moves that alone.
type clock struct{ wall, mono atomic.Int64 }

func newClock(t monitor.Time) *clock {
	c := &clock{}
	c.wall.Store(int64(t))
	return c
}

func (c *clock) read() (monitor.Time, time.Duration) {
	return monitor.Time(c.wall.Load()), time.Duration(c.mono.Load())
}

// set moves both clocks on to a time.
func (c *clock) set(t monitor.Time) { c.pass(time.Duration(int64(t) - c.wall.Load())) }

func (c *clock) pass(d time.Duration) { c.wall.Add(int64(d)); c.mono.Add(int64(d)) }

func (c *clock) jump(d time.Duration) { c.wall.Add(int64(d)) }

func open(t testing.TB, cfg Config) *Writer {
	t.Helper()
	if !Supported {
		t.Skip("no SQLite for this platform")
	}
	w, err := NewWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closeWriter(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, w *Writer, f *feed) {
	t.Helper()
	if err := w.Write(f.Take()); err != nil {
		t.Fatal(err)
	}
}

func syncUp(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
}

// ask returns the answers to a query.
func ask(t testing.TB, dir string, q translation.Query) ([]translation.Answer, translation.Result) {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []translation.Answer
	res, err := r.Find(t.Context(), q, func(a *translation.Answer) error {
		got = append(got, *a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, res
}

func end(text string) translation.End {
	e, ok := translation.ParseEnd(text)
	if !ok {
		panic(text)
	}
	return e
}

// oneLife adds a flow that begins at a time and lives a second.
func oneLife(f *feed, n int, at monitor.Time) {
	f.Life(at, at+second, uint64(n+1), client(n+1))
}

func portsOf(answers []translation.Answer) (ports []uint16) {
	for _, a := range answers {
		ports = append(ports, a.SentAs.Port)
	}
	return ports
}
