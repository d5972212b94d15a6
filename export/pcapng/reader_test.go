package pcapng

import (
	"encoding/binary"
	"errors"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
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
	for name, bytes := range map[string][]byte{
		"interface":      block(blockPacket, all, 0, 0, 0, 0),
		"next interface": block(blockPacket, 1<<31, 0, 0, 0, 0),
		"captured":       block(blockPacket, 0, 0, 0, all, all),
		"cut":            block(blockPacket),
		"simple":         block(blockSimple, 0),
	} {
		src, err := replay.Bytes(replay.Config{Formats: []replay.Format{Format}}, "x", append(start[:len(start):len(start)], bytes...)).Open()
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range monitor.Batches(t.Context(), src) {
			if err != nil {
				break
			}
		}
		t.Run(name, func(t *testing.T) { golden.Words(t, "", errors.Join(err, src.Stats().First)) })
	}
}
