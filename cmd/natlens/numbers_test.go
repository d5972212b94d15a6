package main

import "testing"

// TestPlural expects counts with their noun, also those that an int has no room for
// where it has 32 bits: months of rows.
func TestPlural(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 rows", 1: "1 row", 2: "2 rows", 1234: "1,234 rows", 1 << 33: "8,589,934,592 rows"} {
		if got := plural(n, "row"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
