//go:build linux

package probe

import (
	"testing"

	"natlens/monitor/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }
