//go:build linux

package probe

import (
	"testing"

	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
