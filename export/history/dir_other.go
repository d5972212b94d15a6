//go:build !unix

package history

import "io/fs"

// onlyOurs does not know the permissions of this platform.
func onlyOurs(fs.FileInfo, bool) error { return nil }

// openToAll does not know them either.
func openToAll(fs.FileMode) bool { return false }
