package export

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"natlens/monitor"
)

// smallDisk has room for so many bytes, in all of its files.
type smallDisk struct {
	room  int
	files []*smallFile
}

type smallFile struct {
	disk       *smallDisk
	data, kept []byte
	closed     bool
}

func (d *smallDisk) open(path string) (Part, error) {
	if d.room <= 0 {
		return nil, &WriteError{Path: path, Err: syscall.ENOSPC}
	}
	f := &smallFile{disk: d}
	d.files = append(d.files, f)
	return f, nil
}

func (f *smallFile) Write(p []byte) (int, error) {
	f.kept = append(f.kept, p...)
	_ = f.Room()
	return len(p), nil
}

func (f *smallFile) Room() error {
	if len(f.kept) > f.disk.room {
		return &WriteError{Path: "x", Kept: int64(len(f.data)), Err: syscall.ENOSPC}
	}
	f.disk.room -= len(f.kept)
	f.data, f.kept = append(f.data, f.kept...), nil
	return nil
}

func (f *smallFile) Size() int64  { return int64(len(f.data)) }
func (f *smallFile) Moved() bool  { return false }
func (f *smallFile) Close() error { f.closed = true; return f.Room() }

// TestOutage writes one event a second to a disk that is full for a while, in
// recordings of one file and of a file an event: whenever that is, each event is
// there once, or is counted in the gap.
func TestOutage(t *testing.T) {
	const events = 12
	for size := range 2 {
		for full := range 3000 {
			if full%7 != 0 {
				continue
			}
			disk, now, notes := &smallDisk{room: full}, time.Unix(1e9, 0), new(bytes.Buffer)
			r, err := NewRotation(RotationOptions{Path: "x", Size: int64(size), Open: disk.open, Now: func() time.Time { return now }, Notes: notes})
			if err != nil && size == 0 && full == 0 {
				continue // nothing has begun
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(events) {
				if now = now.Add(time.Second); i == 8 {
					disk.room = 1e6
				}
				if err := r.Write(batch(monitor.Event{Seq: i + 1, Time: monitor.Time(now.UnixNano()), Kind: monitor.KindNew, Raw: rawMessage})); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			var all []byte
			for _, f := range disk.files {
				all = append(all, f.data...)
				if !f.closed || len(f.kept) > 0 {
					t.Errorf("room for %d: a file is not closed, or not whole", full)
				}
			}
			lost := 0
			if _, text, ok := strings.Cut(string(all), `"event":"lost","count":`); ok {
				fmt.Sscanf(text, "%d", &lost)
			}
			gaps, written := bytes.Count(all, []byte(`"event":"lost"`)), bytes.Count(all, rawMessage)
			if missing := int(r.Missing()); gaps > 1 || written+lost != events || (lost > 0) != (gaps > 0) || missing != lost {
				t.Fatalf("size %d, room for %d: %d events written, %d lost in %d gaps, missing %d\n%s", size, full, written, lost, gaps, missing, notes)
			}
		}
	}
}

// TestOutageAtTheEnd ends a recording on a full disk.
func TestOutageAtTheEnd(t *testing.T) {
	disk := &smallDisk{room: 1000}
	r, err := NewRotation(RotationOptions{Path: "x", Open: disk.open})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(20) {
		if err := r.Write(batch(monitor.Event{Seq: i + 1, Time: 1, Kind: monitor.KindNew, Raw: rawMessage})); err != nil {
			t.Fatal(err)
		}
	}
	missing := r.Missing()
	written := bytes.Count(disk.files[0].data, rawMessage)
	want := fmt.Sprintf(" %d events ", 20-written)
	if err := r.Close(); !noRoom(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if int(missing) != 20-written || written == 0 {
		t.Errorf("%d written, %d missing of 20", written, missing)
	}
}
