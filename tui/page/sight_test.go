package page

import "testing"

func TestSightFit(t *testing.T) {
	for _, c := range []struct{ n, at, line, height, wantAt, wantLine int }{
		{100, 50, 5, 20, 50, 5}, {100, 3, 10, 20, 3, 3}, {100, 99, 0, 20, 99, 19}, {5, 4, 19, 20, 4, 4},
		{0, 7, 3, 20, 0, 0}, {100, 90, 5, 20, 90, 10},
	} {
		s := Sight{At: c.at, Line: c.line, N: c.n, Height: c.height}
		s.Fit()
		if s.At != c.wantAt || s.Line != c.wantLine {
			t.Errorf("%+v: at %d, line %d", c, s.At, s.Line)
		}
	}
}
