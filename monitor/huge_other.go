//go:build !linux

package monitor

// makeBlock returns n zeroed chunks of rows.
func makeBlock(n int, _ *slab) [][chunkRows]packedRow { return make([][chunkRows]packedRow, n) }
