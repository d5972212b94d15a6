package text

// Cache stores the texts of values that many events share, such as a status or an address. It
// is the only cache of rendered text; without it a JSON line takes half as long again. Values
// with the same slot replace each other. The zero Cache is empty.
type Cache[K comparable] [64]struct {
	key  K
	text []byte // nil: the slot is free
}

// Append appends the text of key; render makes it if the cache does not have it. hash can be
// any hash of the key.
func (c *Cache[K]) Append(b []byte, key K, hash uint32, render func([]byte, K) []byte) []byte {
	slot := &c[hash*2654435761>>26]
	if slot.key != key || slot.text == nil {
		slot.key, slot.text = key, render(slot.text[:0], key)
	}
	return append(b, slot.text...)
}
