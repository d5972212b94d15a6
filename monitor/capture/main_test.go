//go:build linux

package capture

import (
	"testing"

	"natlens/monitor/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }
