package export_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/export"
	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/golden"
	"natlens/monitor/replay"
)

// kernelMessages are the messages that the decoder's tests were recorded from:
// every protocol, every kind of event.
func kernelMessages(t testing.TB) (msgs [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../monitor/ctnetlink/testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		digits := ""
		for line := range strings.Lines(string(text) + "\n") {
			line = strings.TrimSpace(line)
			if line != "" && strings.Trim(line, "0123456789abcdef") == "" {
				digits += line
				continue
			}
			msg, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if digits = ""; len(msg) > 0 {
				msgs = append(msgs, export.Recorded(msg))
			}
		}
	}
	return msgs
}

// kernelEvents decodes the messages, one millisecond apart.
func kernelEvents(t testing.TB) *monitor.Batch {
	t.Helper()
	b := new(monitor.Batch)
	var d ctnetlink.Decoder
	for i, msg := range kernelMessages(t) {
		if err := d.Decode(msg, b); err != nil {
			t.Fatal(err)
		}
		e := &b.Events[len(b.Events)-1]
		e.Seq = uint64(i + 1)
		if e.TimeSource == monitor.TimeUnknown {
			e.Time, e.TimeSource = second(0)+monitor.Time(i)*1e6, []monitor.TimeSource{monitor.TimeRing, monitor.TimeReceived}[i%2]
		}
	}
	return b
}

func linesOf(t testing.TB, batches ...*monitor.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	sink := jsonl.NewWriter(&out)
	for _, b := range batches {
		if err := sink.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// recorded records batches, the local addresses between them.
func recorded(t testing.TB, locals *monitor.Locals, batches ...*monitor.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	sink := pcapng.NewWriter(&out, export.Options{})
	for _, b := range batches {
		sink.Locals(locals)
		if err := sink.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestInterimLines writes a flow's interim counters in every format: as a line of their own, or not at all.
func TestInterimLines(t *testing.T) {
	e := kernelEvents(t).Events[0]
	e.Kind, e.Raw = monitor.KindInterim, nil
	for format, want := range map[string]string{"jsonl": `"event":"interim"`, "csv": ",interim,", "pretty": " interim ",
		"conntrack": "", "conntrack,xml": "", "conntrack,save": ""} {
		var out bytes.Buffer
		sink, err := export.New(format, &out, export.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sink.Write(&monitor.Batch{Events: []monitor.Event{e}}), sink.Close()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), want) || want == "" && out.Len() > 0 {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}

// TestPCAPNGAgain writes messages of every kind, losses and what a resync
// concluded, and wants the same events back.
func TestPCAPNGAgain(t *testing.T) {
	all := kernelEvents(t)
	gaps := new(monitor.Batch)
	*gaps.Add() = monitor.Event{Seq: 1001, Time: second(1), TimeSource: monitor.TimeReceived, Kind: monitor.KindLost, Gap: &monitor.Gap{Count: 7, Uncertain: true, From: second(0), To: second(1)}}
	for i, k := range []monitor.Kind{monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy, monitor.KindInterim} {
		e := gaps.Add()
		*e = all.Events[i]
		e.Kind, e.Inferred, e.Seq = k, k != monitor.KindInterim, uint64(1002+i)
		if k == monitor.KindDestroy {
			e.Raw, e.Remembered, e.Has = nil, e.Has&monitor.AttrMark, e.Has&^monitor.AttrMark
		}
	}
	*gaps.Add() = monitor.Event{Seq: 1006, Time: second(2), TimeSource: monitor.TimeReceived, Kind: monitor.KindResynced, Gap: &monitor.Gap{From: second(1), To: second(2), Added: 1, Changed: 1, Ended: 1}}
	want := linesOf(t, all, gaps)
	got, src := written(t, replay.Bytes(config, "x.pcapng", recorded(t, nil, all, gaps)))
	compareLines(t, want, got)
	if st := src.Stats(); st.Bad != 0 || st.Cut != nil || src.Remembers() {
		t.Errorf("%+v", st)
	}
}

// TestLocalsComeInTime has addresses reported before the events that they apply to,
// and after those that they don't.
func TestLocalsComeInTime(t *testing.T) {
	all := kernelEvents(t)
	var log []string
	var data []byte
	{
		var out bytes.Buffer
		sink := pcapng.NewWriter(&out, export.Options{})
		for i := range 3 {
			if i > 0 {
				sink.Locals(monitor.NewLocals([]netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}))
			}
			if err := sink.Write(&monitor.Batch{Events: all.Events[i : i+1]}); err != nil {
				t.Fatal(err)
			}
		}
		sink.Close()
		data = out.Bytes()
	}
	src, err := replay.Bytes(export.Reading(replay.Config{Locals: func(l *monitor.Locals) { log = append(log, fmt.Sprint(l.Addrs())) }}), "x", data).Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var b monitor.Batch
	for err == nil {
		b.Reset()
		err = src.Next(t.Context(), &b)
		for i := range b.Events {
			log = append(log, fmt.Sprint(b.Events[i].Seq))
		}
	}
	if want := "1, [192.0.2.1 ::1], 2, [192.0.2.2 ::1], 3"; !errors.Is(err, io.EOF) || strings.Join(log, ", ") != want {
		t.Errorf("%v; %s, want %s", err, strings.Join(log, ", "), want)
	}
}

// pcap writes messages as tcpdump on an nlmon device does, in either byte order,
// each message after the other n times.
func pcap(order binary.AppendByteOrder, nanos bool, n int, msgs ...[]byte) []byte {
	magic, unit := uint32(0xa1b2c3d4), int64(1e3)
	if nanos {
		magic, unit = 0xa1b23c4d, 1
	}
	out := order.AppendUint32(nil, magic)
	for _, v := range []uint32{2 | 4<<16, 0, 0, 262144, 253} {
		out = order.AppendUint32(out, v)
	}
	for i, msg := range msgs {
		for range n {
			at := int64(second(0)) + int64(i)*1e6
			packet := append([]byte{0, 6, 3, 0x38, 14: 0, 15: 12}, msg...)
			for _, v := range []uint32{uint32(at / 1e9), uint32(at % 1e9 / unit), uint32(len(packet)), uint32(len(packet))} {
				out = order.AppendUint32(out, v)
			}
			out = append(out, packet...)
		}
	}
	return out
}

// TestPcapOfOthers reads captures of an nlmon device: either byte order of the
// file, either unit of time, two listeners, and messages about other things.
func TestPcapOfOthers(t *testing.T) {
	all := kernelEvents(t)
	for i := range all.Events {
		e := &all.Events[i]
		e.Seq = 0
		if e.TimeSource != monitor.TimeKernel {
			e.TimeSource = monitor.TimeReceived
		}
	}
	// The same message cannot be distinguished from a copy for a second listener.
	events := &monitor.Batch{}
	for i := range all.Events {
		if i == 0 || all.Events[i].Kind == monitor.KindExisting || !bytes.Equal(all.Events[i].Raw, all.Events[i-1].Raw) {
			events.Events = append(events.Events, all.Events[i])
		}
	}
	want := linesOf(t, events)
	msgs := kernelMessages(t)
	stranger := bytes.Clone(msgs[0])
	binary.NativeEndian.PutUint16(stranger[4:], 2<<8) // of NFNL_SUBSYS_CTNETLINK_EXP
	for i, data := range [][]byte{
		pcap(binary.LittleEndian, false, 1, msgs...),
		pcap(binary.BigEndian, true, 1, msgs...),
		pcap(binary.NativeEndian, true, 1, append(msgs, stranger)...),
	} {
		got, src := written(t, replay.Bytes(config, "nlmon.pcap", data))
		compareLines(t, want, got)
		if st := src.Stats(); st.Bad != 0 {
			t.Errorf("file %d: %+v", i, st)
		}
	}
	var ofEvents [][]byte
	for i := range events.Events {
		if events.Events[i].Kind != monitor.KindExisting {
			ofEvents = append(ofEvents, events.Events[i].Raw)
		}
	}
	_, src := written(t, replay.Bytes(config, "x", pcap(binary.NativeEndian, true, 2, ofEvents...)))
	if st := src.Stats(); st.Events != uint64(len(ofEvents)) {
		t.Errorf("%d messages for two listeners: %+v", len(ofEvents), st)
	}
}

// TestCaptureCutAnywhere cuts recordings at every byte: the whole blocks before
// are read, without an error.
func TestCaptureCutAnywhere(t *testing.T) {
	all := kernelEvents(t)
	some := &monitor.Batch{Events: all.Events[:6]}
	msgs := kernelMessages(t)[:6]
	for name, data := range map[string][]byte{"pcapng": recorded(t, monitor.NewLocals(nil), some, some), "pcap": pcap(binary.NativeEndian, true, 1, msgs...)} {
		whole, _ := written(t, replay.Bytes(config, name, data))
		ends := 0
		for n := 4; n < len(data); n++ {
			got, src := written(t, replay.Bytes(config, name, data[:n]))
			if !bytes.HasPrefix(whole, got) || src.Stats().Bad != 0 {
				t.Fatalf("%s cut at %d: %+v\n%s", name, n, src.Stats(), got)
			}
			if src.Stats().Cut == nil {
				ends++
			}
		}
		if ends < 6 || ends > 25 { // between two blocks nothing is cut
			t.Errorf("%s: %d of %d cuts are none", name, ends, len(data))
		}
	}
}

// TestCaptureErrors checks where a capture can't be read.
func TestCaptureErrors(t *testing.T) {
	all := kernelEvents(t)
	good := recorded(t, nil, &monitor.Batch{Events: all.Events[:3]})
	first := bytes.Index(good, all.Events[0].Raw)
	change := func(at int, to uint32) []byte {
		data := bytes.Clone(good)
		binary.NativeEndian.PutUint32(data[at:], to)
		return data
	}
	unended := bytes.Clone(good)
	for _, v := range []uint32{6, 4, 0} {
		unended = nativeOrder().AppendUint32(unended, v)
	}
	ethernet := bytes.Clone(pcap(binary.NativeEndian, true, 1))
	binary.NativeEndian.PutUint32(ethernet[20:], 1)
	for name, tt := range map[string]struct {
		data  []byte
		fails bool // the error ends it
		bad   bool // the message is passed over
	}{
		"length":       {change(first-40, 13), true, false},
		"length end":   {change(first-40, 256), true, false},
		"huge":         {change(first-40, 0xff0000), true, false},
		"interface":    {change(first-36, 9), false, true},
		"no interface": {change(first-36, 0xffffffff), false, true},
		"attribute":    {change(first+20, 0xffffffff), false, true},
		"message":      {change(first, 3), false, true},
		"link":         {ethernet, true, false},
		"two":          {append(bytes.Clone(good), good...), false, false},
		"no end":       {unended, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			words := func(key string, err error) { // without numbers that depend on the byte order
				golden.Words(t, key, strings.TrimRight(fmt.Sprint(err), "0123456789"))
			}
			_, err := again(replay.Bytes(config, "x", tt.data))
			if (err != nil) != tt.fails {
				t.Errorf("error %v", err)
			}
			words("", err)
			if !tt.bad {
				return
			}
			_, src := written(t, replay.Bytes(config, "x", tt.data))
			st := src.Stats()
			words("passed over", st.First)
			if st.Bad != 1 || st.Events != 2 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestCaptureHugeNumbers puts numbers that are negative on a machine of 32 bits in each
// place of a capture, in both byte orders. The readers return, with an error or not.
func TestCaptureHugeNumbers(t *testing.T) {
	some := &monitor.Batch{Events: kernelEvents(t).Events[:2]}
	for _, good := range [][]byte{
		recorded(t, monitor.NewLocals(nil), some),
		pcap(nativeOrder(), true, 1, kernelMessages(t)[:2]...),
		pcap(otherOrder(), true, 1, kernelMessages(t)[:2]...),
	} {
		for at := 4; at+4 <= len(good); at += 2 {
			for _, n := range []uint32{0xffffffff, 0x80000000, 0xfffffffc, 0x7fffffff} {
				data := bytes.Clone(good)
				binary.NativeEndian.PutUint32(data[at:], n)
				if _, memory, _, _ := readAll(data); memory > 64<<20 {
					t.Errorf("%x at byte %d takes %d bytes of memory", n, at, memory)
				}
			}
		}
	}
}
