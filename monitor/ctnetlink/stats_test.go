package ctnetlink

import (
	"encoding/binary"
	"errors"
	"maps"
	"testing"
)

// statsMessage is an answer with a CPU's number in its res_id.
func statsMessage(typ uint16, cpu uint16, attrs ...[]byte) []byte {
	b := message(typ, flagMulti, attrs...)
	binary.BigEndian.PutUint16(b[nlmsgHeader+2:], cpu)
	return b
}

func TestDecodeCPUStats(t *testing.T) {
	msg := statsMessage(0x0104, 3, num32(2, 5), num32(15, 7), num32(17, 9), num32(40, 1))
	s, err := DecodeCPUStats(append(msg, "what follows"...), CounterNames)
	if err != nil || s.CPU != 3 {
		t.Fatalf("cpu %d, %v", s.CPU, err)
	}
	if want := map[string]uint32{"found": 5, "chaintoolong": 7, "unknown2": 9}; !maps.Equal(s.Counters, want) {
		t.Errorf("got %v", s.Counters)
	}
}

func TestDecodeGlobalStats(t *testing.T) {
	g, err := DecodeGlobalStats(statsMessage(0x0105, 0, num32(1, 12345), num32(2, 262144)))
	if err != nil || g != (GlobalStats{Entries: 12345, Max: 262144}) {
		t.Errorf("fill: %+v, %v", g, err)
	}
}

func TestDecodeStatsErrors(t *testing.T) {
	long := statsMessage(0x0104, 0)
	binary.NativeEndian.PutUint32(long, 4000)
	for _, c := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"nothing", nil, ErrTruncated},
		{"headers cut", statsMessage(0x0104, 0)[:18], ErrTruncated},
		{"longer than it is", long, ErrTruncated},
		{"a counter of two bytes", statsMessage(0x0104, 0, num16(2, 1)), ErrMalformed},
		{"an attribute longer than the message", statsMessage(0x0104, 0, []byte{99, 0, 2, 0}), ErrMalformed},
	} {
		if _, err := DecodeCPUStats(c.msg, CounterNames); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecodeStats(f *testing.F) {
	f.Add(statsMessage(0x0104, 1, num32(2, 1), num32(15, 2)))
	f.Add(statsMessage(0x0105, 0, num32(1, 1)))
	f.Add([]byte{20, 0, 0, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		_, _ = DecodeCPUStats(msg, CounterNames)
		_, _ = DecodeGlobalStats(msg)
	})
}
