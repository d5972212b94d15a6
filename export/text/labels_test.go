package text

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/monitor/golden"
)

func TestReadLabels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "connlabel.conf")
	text := "# bit name\n0 eth0-in\r\n\n  0x1f\teth1 in \n010 octal\n3voip\n3 again\n4 voip\n5\n6 bad_name\n1024 large\n99999999999999999999 huge\nx y\n1023 last"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	labels, err := ReadLabels(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{0: "eth0-in", 31: "eth1 in", 8: "octal", 3: "voip", 1023: "last"}
	for bit := range 1100 {
		if labels[bit] != want[bit] {
			t.Errorf("bit %d is %q, want %q", bit, labels[bit], want[bit])
		}
	}
	if err := os.WriteFile(file, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = ReadLabels(file)
	golden.Words(t, "an empty file", strings.ReplaceAll(fmt.Sprint(err), file, "FILE"))
}
