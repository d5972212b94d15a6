package golden

import (
	"errors"
	"fmt"
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

// Words records what a user reads: an error, or a text. The key is what the user typed, or what happened; it may be
// empty. When the test ends, its keys and texts must be those of its section of testdata/words.txt, in the same order.
// A test that failed or was skipped is not compared. One newline at the end of text is ignored. Control characters
// have their pictures in the file: ␛ is an escape.
func Words(t testing.TB, key string, text any) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	name := t.Name()
	if _, ok := sections[name]; !ok {
		t.Cleanup(func() { finish(t, name) })
	}
	if key != "" {
		key = strings.Map(picture, strings.ReplaceAll(key, "\n", "␊")) + "\n"
	}
	lines := strings.Map(picture, strings.TrimSuffix(fmt.Sprint(text), "\n"))
	sections[name] += key + "\t" + strings.ReplaceAll(lines, "\n", "\n\t") + "\n"
}

func picture(r rune) rune {
	if r < ' ' && r != '\n' {
		return r + '␀'
	}
	return r
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
