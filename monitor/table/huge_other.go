//go:build !linux

package table

// Elsewhere there is none.
func mapHuge(int) (whole, bytes []byte) { return nil, nil }
func unmapHuge([]byte)                  {}
func populate([]byte)                   {}
