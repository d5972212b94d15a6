package export_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// otherOrder is the byte order that this machine does not have.
func otherOrder() binary.AppendByteOrder {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// foreign is a message as a machine of the other byte order, of 32 bits, sends it.
func foreign(msg []byte) []byte {
	native, other := binary.NativeEndian, otherOrder()
	out := other.AppendUint32(nil, native.Uint32(msg))
	for _, at := range []int{4, 6} {
		out = other.AppendUint16(out, native.Uint16(msg[at:]))
	}
	for _, at := range []int{8, 12} {
		out = other.AppendUint32(out, native.Uint32(msg[at:]))
	}
	return foreignAttrs(append(out, msg[16:20]...), msg[20:])
}

func foreignAttrs(out, b []byte) []byte {
	native, other := binary.NativeEndian, otherOrder()
	for len(b) >= 4 {
		n, typ := native.Uint16(b), native.Uint16(b[2:])
		out = other.AppendUint16(other.AppendUint16(out, n), typ)
		body := b[4:n]
		switch {
		case typ&0x8000 != 0:
			out = foreignAttrs(out, body)
		case (typ == 22 || typ == 23) && len(body) == 16:
			for i := 0; i < 16; i += 4 {
				out = append(out, body[i+3], body[i+2], body[i+1], body[i])
			}
		default:
			out = append(out, body...)
		}
		padded := min(len(b), int(n+3)&^3)
		out, b = append(out, b[n:padded]...), b[padded:]
	}
	return append(out, b...)
}

// TestOtherByteOrder reads what a machine of the other byte order captured: the
// same events, with the bytes of their messages as this one would have them.
func TestOtherByteOrder(t *testing.T) {
	var msgs [][]byte
	for _, msg := range kernelMessages(t) {
		msgs = append(msgs, foreign(msg))
	}
	events := kernelEvents(t)
	for i := range events.Events {
		e := &events.Events[i]
		e.Seq = 0
		if e.TimeSource != monitor.TimeKernel {
			e.TimeSource = monitor.TimeReceived
		}
	}
	want := linesOf(t, events)
	got, src := written(t, replay.Bytes(config, "x", pcap(otherOrder(), true, 1, msgs...)))
	if st := src.Stats(); st.Bad != 0 || st.Events != uint64(len(msgs)) {
		t.Fatalf("%+v", st)
	}
	compareLines(t, numbered(t, want), numbered(t, got))
	s, err := replay.Bytes(config, "x", pcap(otherOrder(), true, 1, msgs[0])).Open()
	if err != nil {
		t.Fatal(err)
	}
	var b monitor.Batch
	if err := s.Next(t.Context(), &b); err != nil || !slices.Equal(b.Events[0].Raw, kernelMessages(t)[0]) {
		t.Errorf("%v, raw %x, want %x", err, b.Events[0].Raw, kernelMessages(t)[0])
	}
}

// numbered takes the numbers off JSON lines: captures of others have none.
func numbered(t *testing.T, lines []byte) (out []byte) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		at := bytes.Index(line, []byte(`,"seq":`))
		end := bytes.IndexByte(line[at+1:], ',') + at + 1
		out = append(append(out, line[:at]...), line[end:]...)
	}
	return out
}
