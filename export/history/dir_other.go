//go:build !unix

package history

import "io/fs"

// onlyOurs returns nil, because this platform has other permissions.
func onlyOurs(fs.FileInfo, bool) error { return nil }

// openToAll returns false, because this platform has other permissions.
func openToAll(fs.FileMode) bool { return false }
