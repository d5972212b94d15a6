//go:build linux

package labtest

import "testing"

func TestMain(m *testing.M) { Main(m) }
