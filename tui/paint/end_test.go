package paint

import "testing"

func TestEndTextFit(t *testing.T) {
	for _, c := range []struct {
		end   EndText
		width int
		want  string
	}{
		{EndText{"192.168.77.2", ":39502"}, 18, "192.168.77.2:39502"},
		{EndText{"192.168.77.2", ":39502"}, 17, "192.1….77.2:39502"},
		{EndText{"192.168.77.2", ":39502"}, 10, "19…2:39502"},
		{EndText{"192.168.77.2", ":39502"}, 9, "192.168.…"},
		{EndText{"[2001:db8::1]", ":443"}, 12, "[200…:1]:443"},
		{EndText{"192.168.77.3", " id 59304"}, 16, "192…7.3 id 59304"},
		{EndText{"10.0.0.1", ""}, 5, "10….1"},
		{EndText{"", ":55507"}, 6, ":55507"},
	} {
		if got := c.end.Fit(c.width); got.String() != c.want {
			t.Errorf("%v in %d cells: %q, want %q", c.end, c.width, got, c.want)
		}
	}
}
