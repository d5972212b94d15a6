package ctnetlink

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"natlens/monitor"
)

// FuzzDecode: no bytes make the decoder panic, change the message, leave half an
// event behind or hand out memory that is not the message's; and the same bytes say
// the same twice.
func FuzzDecode(f *testing.F) {
	for _, g := range goldenAll(f) {
		f.Add(g.msg)
	}
	f.Add(message(typeNew, 0, orig, attr(60, 1), num32(ctaStatusMask, 1), attr(ctaTimestampPad)))
	f.Add(message(typeDelete, 0, orig, nest(ctaSecCtx, attr(1, 'a', 0))))
	f.Add(message(typeNew, flagRequest, orig))
	f.Add(message(3, flagMulti))
	f.Fuzz(func(t *testing.T, msg []byte) {
		kept := bytes.Clone(msg)
		var d, again Decoder
		var b, b2 monitor.Batch
		err := d.Decode(msg, &b)
		err2 := again.Decode(msg, &b2)
		if !bytes.Equal(msg, kept) {
			t.Fatal("the message was changed")
		}
		if d.Unknown != again.Unknown || d.Malformed != again.Malformed || (err == nil) != (err2 == nil) {
			t.Fatalf("%v %+v, the second time %v %+v", err, d, err2, again)
		}
		if err != nil {
			refused(t, err, d, &b)
			return
		}
		if len(b.Events) != 1 || d.Malformed != 0 {
			t.Fatalf("%d events, %+v", len(b.Events), d)
		}
		e := &b.Events[0]
		if got, want := render(&b2.Events[0]), render(e); got != want {
			t.Fatalf("%s\nthe second time\n%s", want, got)
		}
		if s := leftover(e); s != "" {
			t.Fatalf("set, but not in Has: %s", s)
		}
		if !e.Kind.HasFlow() || e.Flow.Orig.Family == 0 || !e.Has.Any(monitor.AttrOrig) {
			t.Fatalf("no flow: %+v", e)
		}
		within(t, msg, e.Raw)
		if x := e.Extra; x != nil && !hostIsBigEndian {
			within(t, msg, x.Helper, x.HelperInfo, x.SecCtx, x.Labels, x.LabelsMask)
		}
	})
}

func refused(t *testing.T, err error, d Decoder, b *monitor.Batch) {
	t.Helper()
	if len(b.Events) != 0 {
		t.Fatalf("%v, and an event", err)
	}
	switch {
	case errors.Is(err, ErrNotConntrack):
		if d.Malformed != 0 {
			t.Fatalf("%v counted as malformed", err)
		}
	case errors.Is(err, ErrTruncated), errors.Is(err, ErrMalformed):
		if d.Malformed != 1 {
			t.Fatalf("%v counted %d times", err, d.Malformed)
		}
	default:
		t.Fatalf("an error without a name: %v", err)
	}
}

// within checks that the slices lie in msg with all their capacity.
func within(t *testing.T, msg []byte, slices ...[]byte) {
	t.Helper()
	start := uintptr(unsafe.Pointer(unsafe.SliceData(msg)))
	for _, s := range slices {
		if s == nil {
			continue
		}
		p := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
		if p < start || p+uintptr(cap(s)) > start+uintptr(len(msg)) {
			t.Fatalf("%d bytes with room for %d that reach out of the message", len(s), cap(s))
		}
	}
}
