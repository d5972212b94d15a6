//go:build !unix

package history

import "io/fs"

// onlyOurs does not know the permissions of this platform.
func onlyOurs(fs.FileInfo, bool) error { return nil }
