package table

import "testing"

// All that may be asked of memory that could not be had.
func TestNoHuge(t *testing.T) {
	var h *huge
	h.prepare(1)
	h.free()
}
