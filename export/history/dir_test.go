package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"natlens/monitor/golden"
	"natlens/monitor/translation"
)

// threeFiles writes 300 flows into three files, flow n through port n+1.
func threeFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	w := open(t, Config{Dir: dir, RowsPerFile: 100, Clock: newClock(at(0)).read})
	for n := range 300 {
		var f feed
		oneLife(&f, n, at(n))
		write(t, w, &f)
		if n%100 == 99 {
			syncUp(t, w)
		}
	}
	closeWriter(t, w)
	return dir
}

// TestDamage damages one of three files. It is named, and the others answer.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut":   func(path string) error { return os.Truncate(path, 5000) },
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"text": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600)
		},
		"gone": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := threeFiles(t)
			path := filepath.Join(dir, newEntry(2, shortLives).name)
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			got, res := ask(t, dir, translation.Query{})
			if len(got) != 200 || len(res.Faults) != 1 || !strings.Contains(res.Faults[0].Error(), path) {
				t.Errorf("%d answers, faults %v", len(got), res.Faults)
			}
			// A question about another time does not need the file.
			if got, res := ask(t, dir, translation.Query{Until: at(50)}); len(got) != 51 || len(res.Faults) != 0 {
				t.Errorf("%d answers, faults %v", len(got), res.Faults)
			}
		})
	}
}

// TestFileRemoved removes a file. The next writer leaves a gap in its place.
func TestFileRemoved(t *testing.T) {
	dir := threeFiles(t)
	if err := os.Remove(filepath.Join(dir, newEntry(3, shortLives).name)); err != nil {
		t.Fatal(err)
	}
	closeWriter(t, open(t, Config{Dir: dir, Clock: newClock(at(999)).read}))
	got, res := ask(t, dir, translation.Query{Until: at(900)})
	want := translation.Gap{From: at(200), To: at(300), Count: 100, Cause: translation.Removed}
	if len(got) != 200 || len(res.Faults) != 0 || len(res.Gaps) != 2 || res.Gaps[1] != want {
		t.Errorf("%d answers, faults %v, gaps %+v, want %+v", len(got), res.Faults, res.Gaps, want)
	}
}

// TestListLost removes open.sqlite. The next writer lists the files again; the
// history begins there, because older gaps are not known any more.
func TestListLost(t *testing.T) {
	dir := threeFiles(t)
	if err := os.Remove(filepath.Join(dir, openName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	w := open(t, Config{Dir: dir, Clock: newClock(at(999)).read})
	var f feed
	oneLife(&f, 500, at(1000))
	write(t, w, &f)
	closeWriter(t, w)
	got, res := ask(t, dir, translation.Query{})
	if len(got) != 301 || len(res.Faults) != 0 || res.Began != at(999) || got[300].Number != 301 {
		t.Errorf("%d answers, %+v", len(got), res)
	}
}

// craft runs SQL on a file, as somebody who prepares it would.
func craft(t *testing.T, path, sqlText string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(sqlText); err != nil {
		t.Fatal(err)
	}
}

// TestCraftedSchema expects a file with anything but our tables to be rejected.
func TestCraftedSchema(t *testing.T) {
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)"
	for name, sqlText := range map[string]string{
		"a view in place of the table": "ALTER TABLE translation RENAME TO was; CREATE VIEW translation AS " + endless + " SELECT was.* FROM n, was",
		"a trigger":                    "CREATE TRIGGER t AFTER INSERT ON translation BEGIN DELETE FROM translation; END",
		"another table":                "CREATE TABLE more (x)",
		"a column":                     "ALTER TABLE translation ADD COLUMN more AS (flow + 1)",
		"no index":                     "DROP INDEX outside",
	} {
		t.Run(name, func(t *testing.T) {
			dir := threeFiles(t)
			craft(t, filepath.Join(dir, newEntry(2, shortLives).name), sqlText)
			got, res := ask(t, dir, translation.Query{})
			if len(got) != 200 || len(res.Faults) != 1 {
				t.Fatalf("%d answers, faults %v", len(got), res.Faults)
			}
			golden.Words(t, "", strings.ReplaceAll(res.Faults[0].Error(), dir, "DIR"))
		})
	}
	dir := threeFiles(t)
	craft(t, filepath.Join(dir, openName), "DROP TABLE open; CREATE VIEW open AS "+endless+" SELECT i FROM n")
	_, err := NewWriter(Config{Dir: dir})
	golden.Words(t, "writing", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Find(t.Context(), translation.Query{}, nil)
	golden.Words(t, "reading", strings.ReplaceAll(fmt.Sprint(err), dir, "DIR"))
	craft(t, filepath.Join(threeFilesTo(t, dir), openName), "UPDATE file SET path = '../x' WHERE path LIKE '%2%'")
	if _, err := r.Find(t.Context(), translation.Query{}, nil); err == nil || !strings.Contains(err.Error(), `names "../x"`) {
		t.Errorf("a path out of the directory: %v", err)
	}
}

// threeFilesTo replaces a history by a new one.
func threeFilesTo(t *testing.T, dir string) string {
	t.Helper()
	from := threeFiles(t)
	if err := errors.Join(os.RemoveAll(dir), os.Rename(from, dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestContextEndsAQuery expects a query to end with its context while SQLite is at
// work.
func TestContextEndsAQuery(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	var f feed
	for n := range 40_000 {
		oneLife(&f, n%60_000, at(n))
	}
	write(t, w, &f)
	closeWriter(t, w)
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	began := time.Now()
	_, err = r.Find(ctx, translation.Query{}, func(*translation.Answer) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n > 20 {
		t.Errorf("%d answers in %v, %v", n, time.Since(began), err)
	}
}
