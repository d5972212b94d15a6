package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// stage plays ten events, one a second, and writes down what happens and when. It is for
// a bubble of synctest, whose waits take no time.
type stage struct {
	t     *testing.T
	began time.Time
	p     *replay.Player
	log   []string
}

func eventLine(seq int, second int) string {
	return fmt.Sprintf(`{"v":1,"ts":"2026-11-22T06:12:%02d.000000000Z","ts_source":"kernel","seq":%d,"event":"new"}`+"\n", second, seq)
}

// config reads all formats.
var config = export.Reading(replay.Config{})

// second is the time of the recording at a number of seconds.
func second(n float64) monitor.Time {
	return monitor.Time(time.Date(2026, 11, 22, 6, 12, 0, 0, time.UTC).UnixNano()) + monitor.Time(n*1e9)
}

func newStage(t *testing.T, cfg replay.PlayerConfig) *stage {
	t.Helper()
	var text strings.Builder
	for i := range 10 {
		text.WriteString(eventLine(i, i))
	}
	s := &stage{t: t, began: time.Now()}
	cfg.Reset = func() { s.note("reset") }
	var err error
	if s.p, err = replay.NewPlayer(replay.Bytes(config, "ten.jsonl", []byte(text.String())), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.p.Close() })
	return s
}

func (s *stage) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%gs ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
}

// next takes up to n batches.
func (s *stage) next(n int) {
	s.t.Helper()
	for range n {
		var b monitor.Batch
		ctx, cancel := context.WithTimeout(context.Background(), 1000*time.Hour)
		err := s.p.Next(ctx, &b)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) { // it would wait for ever
			s.began = s.began.Add(1000 * time.Hour)
			s.note("waits")
			return
		}
		if err != nil {
			s.t.Fatal(err)
		}
		text := "events"
		for i := range b.Events {
			text += fmt.Sprintf(" %g", float64(b.Events[i].Time-second(0))/1e9)
		}
		s.note("%s", text)
	}
}

func (s *stage) want(lines ...string) {
	s.t.Helper()
	if got, want := strings.Join(s.log, "\n"), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.log = nil
}

func (s *stage) state(want string) {
	s.t.Helper()
	st := s.p.State()
	got := fmt.Sprintf("on=%v speed=%g %g..%g..%g", st.On, st.Speed, float64(st.Start-second(0))/1e9, float64(st.At-second(0))/1e9, float64(st.Finish-second(0))/1e9)
	if got != want {
		s.t.Errorf("state %s, want %s", got, want)
	}
}

func TestPlayerKeepsTime(t *testing.T) { synctest.Test(t, testPlayerKeepsTime) }

func testPlayerKeepsTime(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{})
	s.state("on=true speed=1 0..0..9")
	s.next(3)
	time.Sleep(2500 * time.Millisecond) // the sink was slow
	s.next(2)
	s.want("0s events 0", "1s events 1", "2s events 2", "4.5s events 3 4", "5s events 5")
	s.state("on=true speed=1 0..5..9")
	s.next(10)
	s.want("6s events 6", "7s events 7", "8s events 8", "9s events 9", "9s waits")
	s.state("on=false speed=1 0..9..9")
}

func TestPlayerSpeed(t *testing.T) { synctest.Test(t, testPlayerSpeed) }

func testPlayerSpeed(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{Speed: 10})
	s.next(3)
	s.p.Speed(0.1)
	s.next(1)
	s.p.Speed(1000)
	s.state("on=true speed=100 0..3..9")
	s.next(1)
	s.p.Speed(0)
	s.state("on=true speed=0.1 0..4..9")
	s.want("0s events 0", "0.1s events 1", "0.2s events 2", "10.2s events 3", "10.21s events 4")
}

func TestPlayerPauses(t *testing.T) { synctest.Test(t, testPlayerPauses) }

func testPlayerPauses(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{Paused: true})
	s.p.Seek(second(3.5))
	s.next(1) // what lies before the position is given though it is paused
	s.state("on=false speed=1 0..3.5..9")
	time.Sleep(time.Hour)
	s.p.Play(true)
	s.next(1)
	s.p.Play(false)
	s.next(1)
	s.want("0s events 0 1 2 3", "3600.5s events 4", "3600.5s waits")
}

// A player that begins in the middle gives all up to there at once, and no step back.
func TestPlayerBeginsAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, replay.PlayerConfig{At: second(3.5)})
		s.state("on=true speed=1 0..3.5..9")
		s.next(2)
		s.want("0s events 0 1 2 3", "0.5s events 4")
	})
}

func TestPlayerSeeks(t *testing.T) { synctest.Test(t, testPlayerSeeks) }

func testPlayerSeeks(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{})
	s.next(2)
	s.p.Seek(second(6.5)) // on: all that lies between
	s.next(2)
	s.p.Seek(second(2.5)) // back: again up to there
	s.state("on=true speed=1 0..2.5..9")
	s.next(2)
	s.p.Seek(second(2.9)) // no step back: nothing was given behind it
	s.next(1)
	s.p.Seek(second(-5))
	s.state("on=true speed=1 0..0..9")
	s.next(1)
	s.p.Seek(second(100))
	s.next(2)
	s.want("0s events 0", "1s events 1", "1s events 2 3 4 5 6", "1.5s events 7",
		"1.5s reset", "1.5s events 0 1 2", "2s events 3",
		"2s reset", "2s events 0 1 2", "2s reset", "2s events 0", "2s events 1 2 3 4 5 6 7 8 9", "2s waits")
	s.state("on=false speed=1 0..9..9")
}

func TestPlayerBeginsAnewFromItsEnd(t *testing.T) { synctest.Test(t, testPlayerBeginsAnewFromItsEnd) }

func testPlayerBeginsAnewFromItsEnd(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{})
	s.p.Seek(second(9))
	s.next(1)
	s.p.Play(false)
	s.p.Play(true)
	s.next(2)
	s.want("0s events 0 1 2 3 4 5 6 7 8 9", "0s reset", "0s events 0", "1s events 1")
}

func TestPlayerLoopsAsOfNow(t *testing.T) { synctest.Test(t, testPlayerLoopsAsOfNow) }

func testPlayerLoopsAsOfNow(t *testing.T) {
	s := newStage(t, replay.PlayerConfig{AsOf: second(100), Speed: 3})
	s.p.Seek(second(108))
	s.state("on=true speed=3 100..108..109")
	s.next(4)
	s.p.Seek(0)
	s.next(1)
	s.state("on=true speed=3 109..109..118")
	s.want("0s events 100 101 102 103 104 105 106 107 108", "0.333333334s events 109",
		"0.333333334s reset", "0.333333334s events 109", "0.666666668s events 110",
		"0.666666668s reset", "0.666666668s events 109")
}

// TestPlayerTable plays into a table, back and forth: the table is what it was at
// that time.
func TestPlayerTable(t *testing.T) {
	flow := func(event string, at, port int) string {
		return fmt.Sprintf(`{"v":1,"ts":"2026-11-22T06:12:%02d.000000000Z","ts_source":"kernel","seq":1,"event":"%s","id":%d,"family":"ipv4","proto":"udp","protonum":17,`+
			`"orig":{"src":"192.0.2.1","sport":%d,"dst":"192.0.2.2","dport":53},"reply":{"src":"192.0.2.2","sport":53,"dst":"192.0.2.1","dport":%d},"path":"local-out"}`+"\n", at, event, port, port, port)
	}
	path := filepath.Join(t.TempDir(), "x.jsonl")
	text := flow("existing", 0, 1) + flow("new", 2, 2) + flow("new", 4, 3) + flow("destroy", 6, 1) + flow("destroy", 8, 2)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		flows := table.New(table.Config{})
		p, err := replay.NewPlayer(replay.File(config, path), replay.PlayerConfig{Paused: true, Reset: flows.Clear})
		if err != nil {
			t.Fatal(err)
		}
		p.Seek(second(9))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- (&loop.Loop{Source: p, Table: flows}).Run(ctx) }()
		for _, step := range []struct {
			at   float64
			want string
		}{{9, "3"}, {5, "1 2 3"}, {1, "1"}, {7, "2 3"}, {0, "1"}, {2, "1 2"}} {
			p.Seek(second(step.at))
			synctest.Wait()
			var got []string
			flows.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
				got = append(got, fmt.Sprint(r.Flow.Orig.SrcPort))
				if r.Flow.Path != monitor.PathOut {
					t.Errorf("path %s", r.Flow.Path)
				}
				return true
			})
			if strings.Join(got, " ") != step.want {
				t.Errorf("at %gs: %v, want %s", step.at, got, step.want)
			}
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPlayerCloses(t *testing.T) {
	rec := replay.Bytes(config, "x", []byte(eventLine(1, 1)))
	p, err := replay.NewPlayer(rec, replay.PlayerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		var b monitor.Batch
		for {
			b.Reset()
			if err := p.Next(context.Background(), &b); err != nil {
				ended <- err
				return
			}
		}
	}()
	p.Close()
	if err := <-ended; err == nil {
		t.Error("no error after Close")
	}
}

// interrupting is a packed recording whose reading ends the context of who waits
// for it.
type interrupting struct {
	text *strings.Reader
	stop func()
}

func (r *interrupting) Read(b []byte) (int, error) {
	r.stop()
	return r.text.Read(b[:min(len(b), 100)])
}

// TestPlayerOutlivesItsWaits has contexts end while the file is read, as the
// Monitor's ticks do when they are late: the next call goes on.
func TestPlayerOutlivesItsWaits(t *testing.T) { synctest.Test(t, testPlayerOutlivesItsWaits) }

func testPlayerOutlivesItsWaits(t *testing.T) {
	var text strings.Builder
	for i := range 10 {
		text.WriteString(eventLine(i, i))
	}
	stop := func() {}
	cfg := replay.Config{Formats: config.Formats, Zstd: func(io.Reader) (io.Reader, error) {
		return &interrupting{strings.NewReader(text.String()), func() { stop() }}, nil
	}}
	p, err := replay.NewPlayer(replay.Bytes(cfg, "ten.zst", []byte("\x28\xb5\x2f\xfd")),
		replay.PlayerConfig{AsOf: second(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var b monitor.Batch
	for events, calls := 0, 0; events < 25; calls++ { // also over its end
		var ctx context.Context
		ctx, stop = context.WithCancel(context.Background())
		b.Reset()
		if err := p.Next(ctx, &b); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
			t.Fatalf("%v after %d calls and %d events", err, calls, events)
		}
		stop()
		events += len(b.Events)
	}
}
