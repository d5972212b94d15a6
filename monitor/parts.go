package monitor

import "unsafe"

// parts makes what only some rows have, by the chunk. While one is in use the
// next is made and touched beside the loop, as rows are: see [slab.warm].
type parts[T any] struct {
	coming chan *[chunkRows]T
}

func (p *parts[T]) take() *[chunkRows]T {
	var part *[chunkRows]T
	if p.coming == nil {
		part = new([chunkRows]T)
	} else {
		part = <-p.coming
	}
	p.coming = make(chan *[chunkRows]T, 1) // has room: the maker ends whether or not anybody takes it
	go makePart(p.coming)
	return part
}

func makePart[T any](ready chan<- *[chunkRows]T) {
	part := new([chunkRows]T)
	var zero T
	for i := 0; i < chunkRows; i += max(1, 4096/int(unsafe.Sizeof(zero))) {
		part[i] = zero
	}
	ready <- part
}
