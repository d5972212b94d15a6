//go:build linux

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOwned expects state to be kept only where no other user can replace it.
func TestOwned(t *testing.T) {
	top := t.TempDir()
	dir, link := filepath.Join(top, "home", ".local", "state"), filepath.Join(top, "home", "link")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Symlink(t.TempDir(), link)); err != nil {
		t.Fatal(err)
	}
	check := func(what string, want bool) {
		t.Helper()
		for _, path := range []string{dir, filepath.Join(dir, "not", "yet"), filepath.Join(link, "natlens")} {
			if Owned(path) != want {
				t.Errorf("%s: %s: %v", what, path, !want)
			}
		}
	}
	check("ours", true)
	home := filepath.Join(top, "home")
	for mode, want := range map[os.FileMode]bool{0o777: false, 0o777 | os.ModeSticky: true, 0o755: true} {
		if err := os.Chmod(home, mode); err != nil {
			t.Fatal(err)
		}
		check(mode.String(), want)
	}
	if os.Geteuid() != 0 {
		return // only root can give a directory away
	}
	if err := errors.Join(os.Chmod(home, 0o700), os.Lchown(home, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	check("another user's home", false)
}
