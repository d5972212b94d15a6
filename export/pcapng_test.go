package export

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"natlens/export/pcapng"
	"natlens/monitor"
	"natlens/monitor/golden"
)

// rawMessage is a message of the kernel's, as far as a capture file cares.
var rawMessage = Recorded([]byte{20, 0, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'x'})

// recording are events of every kind that a recording distinguishes.
func recording() []monitor.Event {
	message := func(seq uint64, at monitor.Time, s monitor.TimeSource, k monitor.Kind) monitor.Event {
		return monitor.Event{Seq: seq, Time: base + at, TimeSource: s, Kind: k, Raw: rawMessage}
	}
	inferred := message(6, 6, monitor.TimeReceived, monitor.KindNew)
	inferred.Inferred = true
	changed := message(7, 7, monitor.TimeReceived, monitor.KindUpdate)
	changed.Inferred = true
	ended := tcpEvents()[3]
	ended.Seq, ended.Inferred, ended.Time = 8, true, base+8
	return []monitor.Event{
		message(1, 1, monitor.TimeKernel, monitor.KindNew),
		message(2, 2, monitor.TimeRing, monitor.KindUpdate),
		{Seq: 3, Time: base + 3, Kind: monitor.KindLost, Gap: &monitor.Gap{Count: 2844, From: base + 2, To: base + 3}},
		{Seq: 4, Time: base + 4, Kind: monitor.KindLost, Gap: &monitor.Gap{Count: 1, Uncertain: true}},
		message(5, 5, monitor.TimeReceived, monitor.KindDestroy),
		inferred, changed, ended,
		{Seq: 9, Time: base + 9, Kind: monitor.KindResynced, Gap: &monitor.Gap{Added: 1, Changed: 1, Ended: 1}},
	}
}

// TestPCAPNG reads what was written with gopacket's reader, which shares nothing
// with the writer.
func TestPCAPNG(t *testing.T) {
	var out bytes.Buffer
	sink := pcapng.NewWriter(&out, Options{Filter: "tcp"})
	sink.Locals(monitor.NewLocals([]netip.Addr{netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("2001:db8::1")}))
	if err := sink.Write(batch(recording()...)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	options := pcapgo.DefaultNgReaderOptions
	options.StatisticsCallback = func(i int, s pcapgo.NgInterfaceStatistics) {
		got = append(got, fmt.Sprintf("statistics %d: %d received, %d dropped, from %d to %d: %s", i, int64(s.PacketsReceived), int64(s.PacketsDropped),
			nanos(s.StartTime.UnixNano()), nanos(s.EndTime.UnixNano()), s.Comment))
	}
	options.ErrorOnMismatchingLinkType = true
	r, err := pcapgo.NewNgReader(bytes.NewReader(out.Bytes()), options)
	if err != nil {
		t.Fatal(err)
	}
	head := r.SectionInfo()
	got = append(got, fmt.Sprintf("section by %s on %s, link type %d", head.Application, strings.ReplaceAll(head.OS, runtime.GOOS, "GOOS"), r.LinkType()))
	for {
		data, info, opts, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		drops := uint64(0)
		if opts.DropCount != nil {
			drops = readByGopacket(*opts.DropCount)
		}
		got = append(got, fmt.Sprintf("packet %d at +%d by %d of %d bytes %s, %d dropped before: %q", readByGopacket(*opts.PacketID), info.Timestamp.UnixNano()-int64(base),
			info.InterfaceIndex, info.Length, hex.EncodeToString(data[:16]), drops, opts.Comments))
		if !bytes.Equal(data[16:], rawMessage) {
			t.Errorf("packet holds %x", data[16:])
		}
	}
	for i := range r.NInterfaces() {
		intf, err := r.Interface(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("interface %s %q filter %q resolution %d", intf.Name, intf.Description, intf.Filter, intf.TimestampResolution))
	}
	golden.File(t, "events.pcapng.txt", []byte(strings.Join(got, "\n")+"\n"))
}

// readByGopacket returns the number of an option. gopacket v1.7.7 takes options for
// little endian in every file.
func readByGopacket(n uint64) uint64 {
	if BigEndian {
		return bits.ReverseBytes64(n)
	}
	return n
}

// nanos are nanoseconds since base, 0 for a time that is not set.
func nanos(t int64) int64 {
	if t <= 0 {
		return 0
	}
	return t - int64(base)
}

// TestPCAPNGIsWhole holds a recording without events to be a file that opens.
func TestPCAPNGIsWhole(t *testing.T) {
	var out bytes.Buffer
	if err := pcapng.NewWriter(&out, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(out.Bytes()), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestPCAPNGAllocates(t *testing.T) {
	sink, b := pcapng.NewWriter(io.Discard, Options{}), batch(recording()...)
	if n := testing.AllocsPerRun(100, func() { _ = sink.Write(b) }); n != 0 {
		t.Errorf("%v allocations a batch, want 0", n)
	}
}

func BenchmarkPCAPNG(b *testing.B) {
	e := tcpEvents()[0]
	e.Raw = make([]byte, 170)
	benchmarkSink(b, pcapng.NewWriter(io.Discard, Options{}), e)
}
