package export_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// place is how an error names its place in the recording.
var place = regexp.MustCompile(`^(read events: )?x: (block|packet|line) \d+ at byte \d+: `)

// readAll reads a recording to its end and returns how many events there were, how
// much memory it took, what was passed over, and what ended it.
func readAll(data []byte) (events, memory uint64, bad, fatal error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rec := replay.Bytes(export.Reading(replay.Config{Locals: func(*monitor.Locals) {}}), "x", data)
	src, fatal := rec.Open()
	if fatal != nil {
		return 0, 0, nil, fatal
	}
	defer src.Close()
	var b monitor.Batch
	for fatal == nil {
		b.Reset()
		fatal = src.Next(context.Background(), &b)
		events += uint64(len(b.Events))
	}
	if fatal == io.EOF {
		fatal = nil
	}
	runtime.ReadMemStats(&after)
	return events, after.TotalAlloc - before.TotalAlloc, src.Stats().First, fatal
}

// TestDamagedCaptures flips bits, cuts, doubles and zeroes pieces of captures: each
// is read to its end or to an error that names the place, in bounded memory, and
// everything before the first damage is read in any case.
func TestDamagedCaptures(t *testing.T) {
	all := kernelEvents(t)
	var msgs [][]byte
	for i := range all.Events {
		msgs = append(msgs, all.Events[i].Raw)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, whole := range map[string][]byte{
		"pcapng": recorded(t, monitor.NewLocals(nil), all),
		"pcap":   pcap(binary.NativeEndian, true, 1, msgs...),
		"other":  pcap(otherOrder(), true, 1, msgs...),
	} {
		intact, _, _, _ := readAll(whole)
		for range 400 {
			data, first := damage(r, whole)
			events, memory, bad, fatal := readAll(data)
			for _, err := range []error{bad, fatal} {
				if err != nil && !place.MatchString(err.Error()) && !strings.Contains(err.Error(), "neither JSON lines") {
					t.Errorf("%s: %v: no place", name, err)
				}
			}
			if least := events + 2; first < len(whole) && least < intact*uint64(first)/uint64(len(whole))*9/10 && fatal == nil && bad == nil {
				t.Errorf("%s: damage at byte %d of %d: %d events of %d, and no word about it", name, first, len(whole), events, intact)
			}
			if memory > 24<<20 {
				t.Errorf("%s: damage at byte %d took %d bytes of memory", name, first, memory)
			}
		}
	}
}

// damage returns the data with some of it destroyed, and where the first of that is.
func damage(r *rand.Rand, whole []byte) (data []byte, first int) {
	data, first = bytes.Clone(whole), len(whole)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(data))
		n := min(1+r.IntN(300), len(data)-at)
		switch r.IntN(6) {
		case 0, 1, 2:
			data[at] ^= 1 << r.IntN(8)
		case 3:
			clear(data[at : at+n])
		case 4:
			data = append(data[:at:at], append(bytes.Clone(data[at:at+n]), data[at:]...)...)
		case 5:
			data = data[:at+1]
		}
		first = min(first, at)
	}
	return data, first
}

// TestPackedBomb reads a small file that unpacks to much.
func TestPackedBomb(t *testing.T) {
	for name, piece := range map[string][]byte{
		"zeros":  make([]byte, 1<<20),
		"spaces": bytes.Repeat([]byte(" "), 1<<20),
		"blocks": append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 1<<20-4)...),
		"braces": bytes.Repeat([]byte("{"), 1<<20),
	} {
		if testing.Short() && name != "zeros" {
			continue
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		for range 64 {
			if _, err := z.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		events, memory, _, _ := readAll(packed.Bytes())
		if events > 1 || memory > 24<<20 {
			t.Errorf("%s: %d events, %d bytes of memory", name, events, memory)
		}
	}
}
