//go:build linux

package capture

import (
	"testing"

	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
