package pcapng

import (
	"encoding/binary"
	"errors"
	"testing"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// block is a pcapng block in little endian.
func block(typ uint32, body ...uint32) []byte {
	n := uint32(12 + 4*len(body))
	b := binary.LittleEndian.AppendUint32(nil, typ)
	b = binary.LittleEndian.AppendUint32(b, n)
	for _, v := range body {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, n)
}

// TestLargeNumbers reads sizes and numbers that are negative as an int of 32 bits.
func TestLargeNumbers(t *testing.T) {
	const all = 1<<32 - 1
	start := append(block(blockSection, sectionMagic, 1, all, all), block(blockInterface, linkNetlink, 0)...)
	for name, c := range map[string]struct {
		block []byte
		want  string
	}{
		"interface":      {block(blockPacket, all, 0, 0, 0, 0), "x: block 3 at byte 48: packet of 0 bytes of interface 4294967295, in a block of 32"},
		"next interface": {block(blockPacket, 1<<31, 0, 0, 0, 0), "x: block 3 at byte 48: packet of 0 bytes of interface 2147483648, in a block of 32"},
		"captured":       {block(blockPacket, 0, 0, 0, all, all), "x: block 3 at byte 48: packet of 4294967295 bytes of interface 0, in a block of 32"},
		"cut":            {block(blockPacket), "x: block 3 at byte 48: ends in the middle"},
		"simple":         {block(blockSimple, 0), "x: block 3 at byte 48: packets of an old form: convert the file with editcap -F pcapng"},
	} {
		src, err := replay.Bytes(replay.Config{Formats: []replay.Format{Format}}, "x", append(start[:len(start):len(start)], c.block...)).Open()
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range monitor.Batches(t.Context(), src) {
			if err != nil {
				break
			}
		}
		if got := errors.Join(err, src.Stats().First); got == nil || got.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
}
