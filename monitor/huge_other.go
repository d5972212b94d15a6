//go:build !linux

package monitor

// adviseHuge does nothing: there is no such advice here.
func adviseHuge([][chunkRows]Row) {}
