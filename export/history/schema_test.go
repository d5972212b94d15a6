package history

import (
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/lab/labtest"
)

// TestDocumentedSchema holds docs/history.md to the tables as they are.
func TestDocumentedSchema(t *testing.T) {
	page, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sql, _ := strings.Cut(string(page), "```sql\n")
	sql, _, _ = strings.Cut(sql, "```\n")
	tables, _, _ := strings.Cut(segmentSchema, "CREATE VIEW")
	if want := strings.TrimPrefix(tables, "\n"); sql != want {
		t.Errorf("docs/history.md has\n%s\nthe tables are\n%s", sql, want)
	}
}

// TestViews reads the views as the shell does.
func TestViews(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, now: (&clock{at0}).now})
	var f feed
	for i, fl := range []monitor.Flow{
		snat("10.0.0.5:40000", "203.0.113.7:32768", "198.51.100.9:443"),
		flow("[2001:db8::1]:5", "[2001:db8::2]:80", "[2001:db8::1]:5", "[fd00::2]:8080"),
	} {
		f.add(monitor.KindNew, at0, uint64(i+1), fl)
		f.add(monitor.KindDestroy, at0+second/4, uint64(i+1), fl)
	}
	f.lost(at0, at0, at0+second, 7)
	write(t, w, &f)
	closeWriter(t, w)
	d, err := openDB("segment", segmentPath(dir, 1), openRead)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for sql, want := range map[string]string{
		`SELECT group_concat(concat_ws(' ', start, "end", inside, inside_port, outside, outside_port, peer, peer_port), '; ') FROM translation`: "2025-11-22T08:26:40.000Z 2025-11-22T08:26:40.250Z 10.0.0.5 40000 203.0.113.7 32768 198.51.100.9 443; " +
			"2025-11-22T08:26:40.000Z 2025-11-22T08:26:40.250Z fd00:0000:0000:0000:0000:0000:0000:0002 8080 2001:0db8:0000:0000:0000:0000:0000:0002 80 2001:0db8:0000:0000:0000:0000:0000:0001 5",
		`SELECT concat_ws(' ', since, until, count, least, cause, namespace) FROM gaps`: "2025-11-22T08:26:40.000Z 2025-11-22T08:26:41.000Z 7 0 lost",
	} {
		s, err := d.prepare(sql)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.step(); err != nil {
			t.Fatal(err)
		}
		if got := s.text(0); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sql, got, want)
		}
		s.close()
	}
}

// TestShellQuery runs the query of docs/history.md that uses the index, where there
// is a sqlite3 shell; everything else of it is SQL.
func TestShellQuery(t *testing.T) {
	page, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sql, ok := strings.Cut(string(page), `"WITH RECURSIVE`)
	sql, _, _ = strings.Cut(sql, "\"\n")
	if !ok {
		t.Fatal("the page has no such query")
	}
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	var f feed
	f.add(monitor.KindNew, at0, 1, snat("10.0.0.5:40000", "203.0.113.7:32768", "198.51.100.9:443"))
	f.add(monitor.KindDestroy, at0+second, 1, snat("10.0.0.5:40000", "203.0.113.7:32768", "198.51.100.9:443"))
	f.add(monitor.KindNew, at0, 2, snat("10.0.0.6:40000", "203.0.113.7:32769", "198.51.100.9:443"))
	f.add(monitor.KindDestroy, at0+second, 2, snat("10.0.0.6:40000", "203.0.113.7:32769", "198.51.100.9:443"))
	write(t, w, &f)
	closeWriter(t, w)
	d, err := openDB("segment", segmentPath(dir, 1), openRead)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	n, err := d.one("SELECT count(*) FROM (WITH RECURSIVE" + sql + ")")
	if err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	header, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	if id := hex.EncodeToString(header[68:72]); id != "6e61746c" {
		t.Errorf("application id %s", id)
	}
	if shell, ok := labtest.Have(t, "sqlite3"); ok {
		out, err := exec.Command(shell, segmentPath(dir, 1), "SELECT inside FROM translation ORDER BY id").CombinedOutput()
		if err != nil || string(out) != "10.0.0.5\n10.0.0.6\n" {
			t.Errorf("sqlite3: %s %v", out, err)
		}
	}
}
