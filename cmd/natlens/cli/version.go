package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is set by the release build; otherwise the module's own is told.
var Version string

func VersionLine() string {
	return fmt.Sprintf("natlens %s %s/%s %s\n", VersionText(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func VersionText() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
