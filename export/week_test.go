package export

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// disk is a disk that is full at times, and keeps what is written then in memory, as [File] does.
type disk struct {
	full bool
	open *fullPart
}

type fullPart struct {
	Part
	disk *disk
	kept []byte
}

func (p *fullPart) Write(b []byte) (int, error) {
	if p.disk.full || len(p.kept) > 0 {
		p.kept = append(p.kept, b...)
		return len(b), nil
	}
	return p.Part.Write(b)
}

func (p *fullPart) Room() error {
	switch {
	case len(p.kept) == 0:
		return nil
	case p.disk.full:
		return &WriteError{Path: "x", Err: syscall.ENOSPC}
	}
	_, err := p.Part.Write(p.kept)
	p.kept = nil
	return err
}

func (p *fullPart) Close() error {
	room := p.Room()
	if err := p.Part.Close(); err != nil {
		return err
	}
	return room
}

// week is a service that runs for a week on a clock of the test's own.
type week struct {
	t       *testing.T
	r       *rand.Rand
	o       RotationOptions
	disk    disk
	clock   time.Time
	out     *Rotation
	seq     uint64
	missing uint64 // as the service reported at its end
	counted uint64 // by lost events of the service that runs
}

func (w *week) start() {
	var err error
	w.counted = 0
	if w.out, err = NewRotation(w.o); err != nil {
		w.t.Fatal(err)
	}
}

// write writes a batch of events at the time of the clock.
func (w *week) write() {
	var b monitor.Batch
	for range 1 + w.r.IntN(20) {
		w.seq++
		e := b.Add()
		e.Kind, e.Seq, e.Time, e.TimeSource = monitor.KindNew, w.seq, monitor.Time(w.clock.UnixNano()), monitor.TimeRing
	}
	if err := w.out.Write(&b); err != nil {
		w.t.Fatal(err)
	}
	if w.out.full == nil {
		w.counted = w.out.Missing()
	}
}

// end ends the service in order. If the disk is full, it reports how many events are missing.
func (w *week) end() {
	err := w.out.Close()
	if err != nil && !w.disk.full {
		w.t.Fatal(err)
	}
	if err != nil {
		w.missing += w.out.Missing() - w.counted
	}
}

// kill ends the service as kill -9 does: what it wrote stays, and nothing else happens.
func (w *week) kill() {
	if w.disk.open != nil {
		_ = w.disk.open.Part.(interface{ abandon() error }).abandon()
	}
}

// abandoned is a part whose file can be closed without the end of its compression.
type abandoned struct {
	Part
	file *os.File
}

func (a abandoned) abandon() error { return a.file.Close() }

// step does one thing that happens to a service.
func (w *week) step() {
	switch n := w.r.IntN(100); {
	case n < 70:
		w.write()
		w.clock = w.clock.Add(time.Duration(w.r.IntN(600)) * time.Second)
	case n < 80:
		w.write() // within the same second
	case n < 84:
		w.out.Reopen()
	case n < 88:
		w.end()
		w.start()
	case n < 91:
		if w.out.full == nil && !w.disk.full { // else nobody could count what is in memory
			w.kill()
			w.start()
		}
	case n < 95: // the clock is set, back or ahead
		w.clock = w.clock.Add(time.Duration(w.r.IntN(96)-48) * time.Hour)
	default:
		w.disk.full = !w.disk.full
	}
}

// TestWeek lets a service run for a week: it is ended, killed and started again, gets SIGHUP, its disk is full at times,
// and its clock jumps. Each event is in its files once, or is counted by a lost event or by the service's last words.
// NATLENS_SOAK_SERVICE asks for 300 weeks.
func TestWeek(t *testing.T) {
	weeks := uint64(6)
	if os.Getenv("NATLENS_SOAK_SERVICE") != "" {
		weeks = 300
	}
	for seed := range weeks {
		dir := t.TempDir()
		w := &week{t: t, r: rand.New(rand.NewPCG(seed, 1)), clock: time.Date(2026, 11, 22, 6, 12, 0, 0, time.UTC)}
		name := []string{"x.jsonl", "x.jsonl.zst", "x.jsonl.gz"}[seed%3]
		w.o = RotationOptions{Path: filepath.Join(dir, name), Size: 4 << 10, Every: time.Hour, Format: "jsonl",
			Now: func() time.Time { return w.clock }, Notes: io.Discard,
			Open: func(path string) (Part, error) {
				if w.disk.full && w.r.IntN(2) == 0 {
					return nil, &WriteError{Path: path, Err: syscall.ENOSPC}
				}
				part, err := CreatePart(path, CreateOptions{})
				if err != nil {
					return nil, err
				}
				file, _ := part.(*File)
				if p, ok := part.(*packer); ok {
					file = p.File
				}
				w.disk.open = &fullPart{Part: abandoned{part, file.f}, disk: &w.disk}
				return w.disk.open, nil
			}}
		for _, foreign := range []string{"x", "x-1.jsonl", "x-20261122T061200Z.txt", "x-20261122T061200Z.jsonl.tmp"} {
			if err := os.WriteFile(filepath.Join(dir, foreign), []byte("foreign"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.start()
		for range 500 {
			w.step()
		}
		w.end()
		w.check(dir, seed)
	}
}

// check compares the files with what was written.
func (w *week) check(dir string, seed uint64) {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	files, foreign, lost := 0, 0, w.missing
	var seen []uint64
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if data, _ := os.ReadFile(path); string(data) == "foreign" {
			foreign++
			continue
		}
		files++
		src, err := replay.File(Reading(replay.Config{}), path).Open()
		if err != nil {
			w.t.Fatal(err)
		}
		for b, err := range monitor.Batches(w.t.Context(), src) {
			if err != nil {
				w.t.Fatal(err)
			}
			for _, e := range b.Events {
				if e.Kind == monitor.KindLost {
					lost += e.Gap.Count
				} else {
					seen = append(seen, e.Seq)
				}
			}
		}
		if st := src.Stats(); st.Bad > 0 || st.Cut != nil && strings.HasSuffix(path, "jsonl") {
			w.t.Errorf("seed %d: %s: %+v", seed, e.Name(), st)
		}
	}
	slices.Sort(seen)
	if once := len(slices.Compact(slices.Clone(seen))); once != len(seen) || uint64(once)+lost != w.seq || foreign != 4 {
		w.t.Errorf("seed %d: %d events: %d in %d files, %d of them once, and %d counted as missing; %d foreign files",
			seed, w.seq, len(seen), files, once, lost, foreign)
	}
	w.t.Logf("week %d: %d events, %d in %d files and %d counted as missing", seed, w.seq, len(seen), files, lost)
}
