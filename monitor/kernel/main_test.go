//go:build linux

package kernel

import (
	"testing"

	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
