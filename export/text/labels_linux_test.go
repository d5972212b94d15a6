package text

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"natlens/monitor/golden"
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
		_, err := ReadLabels(path)
		golden.Words(t, filepath.Base(path), strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
	}
}
