//go:build !linux

package monitor

// makeBlock returns n zeroed chunks of rows.
func makeBlock(n int, _ *slab) [][chunkRows]Row { return make([][chunkRows]Row, n) }
