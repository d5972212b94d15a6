package text

import "iter"

// Bits returns the numbers of the bits that are set: bit n is bit n%8 of byte n/8.
func Bits(set []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, c := range set {
			for bit := 8 * i; c != 0; bit, c = bit+1, c>>1 {
				if c&1 != 0 && !yield(bit) {
					return
				}
			}
		}
	}
}

// AppendBits appends the numbers of the bits that are set.
func AppendBits(b, set []byte, separator string) []byte {
	first := len(b)
	for bit := range Bits(set) {
		b = AppendUint(AppendSeparated(b, first, separator, ""), uint64(bit))
	}
	return b
}
