package text

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadLabelsOfRegularFilesOnly expects a FIFO without a writer, a device and a large file to be errors at once.
func TestReadLabelsOfRegularFilesOnly(t *testing.T) {
	fifo, large := filepath.Join(t.TempDir(), "fifo"), filepath.Join(t.TempDir(), "large")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, []byte(strings.Repeat("3 web\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero", large} {
		want := path + " is not a regular file of at most 1048576 bytes"
		if _, err := ReadLabels(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
