package ctnetlink

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const labelsSize = 16 // NF_CT_LABELS_MAX_SIZE

// hostIsBigEndian reports the byte order of the machine, and so of the kernel's words.
var hostIsBigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// labels returns the bytes of CTA_LABELS or CTA_LABELS_MASK. Label n is bit n%8 of byte
// n/8. The kernel sends an unsigned long[] in host order, so the result is a copy on a big
// endian machine.
func (r *reader) labels(v []byte) []byte {
	if !r.sized(v, labelsSize) {
		return nil
	}
	return littleWords(v)
}

// littleWords returns v. On a big endian host it is a copy with every word reversed.
func littleWords(v []byte) []byte {
	if !hostIsBigEndian {
		return v
	}
	v = slices.Clone(v)
	for word := range slices.Chunk(v, bits.UintSize/8) {
		slices.Reverse(word)
	}
	return v
}
