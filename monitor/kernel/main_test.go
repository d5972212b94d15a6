//go:build linux

package kernel

import (
	"testing"

	"natlens/monitor/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }
