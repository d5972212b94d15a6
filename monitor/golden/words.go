package golden

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wordsFile has a section for each test: keys, and below each key its text, indented.
//
//	# TestErrors
//	dport 70000
//		column 7: 70000: dport goes from 0 to 65535
const wordsFile = "testdata/words.txt"

// sections holds what the running tests passed to Words, by the name of the test. The lock covers wordsFile, too.
var (
	mu       sync.Mutex
	sections = map[string]string{}
)

// Words records a text that a user reads. The key is what the user typed, or what happened; it may be empty. When the
// test ends, its keys and texts must be those of its section of testdata/words.txt, in the same order. A test that
// failed or was skipped is not compared. One newline at the end of text is ignored.
func Words(t testing.TB, key, text string) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	name := t.Name()
	if _, ok := sections[name]; !ok {
		t.Cleanup(func() { finish(t, name) })
	}
	if key != "" {
		key = strings.ReplaceAll(key, "\n", `\n`) + "\n"
	}
	sections[name] += key + "\t" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n\t") + "\n"
}

// finish compares the section of a test with wordsFile. With -update it writes the section into the file.
func finish(t testing.TB, name string) {
	mu.Lock()
	defer mu.Unlock()
	got := sections[name]
	delete(sections, name)
	text, err := os.ReadFile(wordsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	all := map[string]string{}
	for s := range strings.SplitSeq("\n"+string(text), "\n# ") {
		if name, body, ok := strings.Cut(s, "\n"); ok && name != "" {
			all[name] = body
		}
	}
	switch diff := cmp.Diff(all[name], got); {
	case t.Failed() || t.Skipped() || diff == "":
	case *Update:
		all[name] = got
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			parts = append(parts, "# "+name+"\n"+all[name])
		}
		store(t, wordsFile, strings.Join(parts, "\n"))
	default:
		t.Errorf("%s (-want +got; -update writes it):\n%s", wordsFile, diff)
	}
}
