//go:build linux

package main

import "testing"

func TestPerfCount(t *testing.T) {
	for said, want := range map[string]struct {
		n   uint64
		err string
	}{
		"1234567,,instructions:u,1000,100.00,,\n":                                 {1234567, ""},
		"natlens: 5 flow entries\n98765,,instructions:u:ppp,1,100.00,1.2,per c\n": {98765, ""},
		"<not supported>,,instructions:u,0,100.00,,\n":                            {0, "perf stat -e instructions:u: <not supported>"},
		"<not counted>,,instructions:u,0,0.00,,\n":                                {0, "perf stat -e instructions:u: <not counted>"},
		"": {0, "perf stat -e instructions:u says nothing of them"},
	} {
		n, err := perfCount(said)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if n != want.n || text != want.err {
			t.Errorf("%q: %d, %q, want %d, %q", said, n, text, want.n, want.err)
		}
	}
}
