//go:build linux

package expect

import (
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestIgnoreMissing deletes an expectation that does not exist.
func TestIgnoreMissing(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, c := range []struct {
		more []string
		code int
	}{{nil, 1}, {[]string{"--ignore-missing"}, 0}} {
		args := append([]string{"delete", "-p", "tcp", "-s", "192.0.2.1", "-d", "192.0.2.2", "--sport", "1", "--dport", "2"}, c.more...)
		var got *clitest.Result
		_ = g.Namespace().Do(func() error { got = clitest.Run(t.Context(), New, "", args...); return nil })
		if got.Code() != c.code {
			t.Errorf("%s: code %d, %v, want %d", c.more, got.Code(), got.Err, c.code)
		}
	}
}
