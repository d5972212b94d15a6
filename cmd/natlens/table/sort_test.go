package table

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// flowLines has flows with the ids 1 to 5: their ports and bytes. Flow 3 has no counters.
func flowLines() string {
	var b strings.Builder
	for i, f := range []struct {
		port int
		more string
	}{
		{443, `,"counters":{"orig":{"packets":1,"bytes":300},"reply":{"packets":1,"bytes":50}}`},
		{53, `,"counters":{"orig":{"packets":1,"bytes":9},"reply":{"packets":1,"bytes":900}}`},
		{80, `,"local":{"process":"curl","match":"exact"}`}, {22, `,"counters":{"orig":{"packets":1,"bytes":60},"reply":{"packets":1,"bytes":0}}`},
		{53, `,"helper":"ftp","counters":{"orig":{"packets":1,"bytes":100},"reply":{"packets":1,"bytes":250}}`},
	} {
		fmt.Fprintf(&b, `{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","seq":%d,"event":"existing","id":%d,"proto":"tcp","protonum":6,"family":"ipv4",`+
			`"orig":{"src":"192.0.2.%d","sport":1000,"dst":"192.0.2.9","dport":%d},"reply":{"src":"192.0.2.9","sport":%d,"dst":"192.0.2.%d","dport":1000}%s}`+"\n",
			i+1, i+1, 10-i, f.port, f.port, 10-i, f.more)
	}
	return b.String()
}

func TestSortedLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte(flowLines()), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--sort bytes":                   "2 1 5 4 3",
		"--sort reply.bytes --limit 2":   "2 5",
		"--sort dport":                   "4 2 5 3 1",
		"--sort src":                     "5 4 3 2 1",
		"--sort helper --limit 1":        "5",
		"--sort process --limit 1":       "3",
		"--sort bytes dport 53":          "2 5",
		"--sort bytes --limit 1 not udp": "2",
	} {
		got := clitest.Run(t.Context(), NewList, "", append(strings.Fields(args), "--from", path, "--quiet")...)
		var ids []string
		for line := range strings.Lines(got.Stdout) {
			_, id, _ := strings.Cut(line, `"id":`)
			ids = append(ids, id[:1])
			if n := len(ids); !strings.Contains(line, fmt.Sprintf(`"seq":%d,`, n)) {
				t.Errorf("%s: line %d is numbered otherwise: %s", args, n, line)
			}
		}
		if strings.Join(ids, " ") != want || got.Err != nil {
			t.Errorf("%s: %s, %v; want %s", args, ids, got.Err, want)
		}
	}
	for args, want := range map[string]string{
		"--sort country": "country, city and as need --mmdb FILE, such as GeoLite2-City.mmdb",
		"--sort rate":    "--sort rate is for the kernel: not together with --from",
		"--sort byts":    `--sort byts: "byts" is not a field of the filter language; did you mean bytes?; see natlens list --help`,
	} {
		got := clitest.Run(t.Context(), NewList, "", append(strings.Fields(args), "--from", path)...)
		if got.Code() != cli.ExitUsage || got.Err.Error() != want {
			t.Errorf("%s: %v", args, got.Err)
		}
	}
}

// Flows in the order of their rates, with a cut after each batch. Nothing of a batch is kept.
func TestSortedByRate(t *testing.T) {
	const flows = 3 * monitor.BatchSize
	var b monitor.Batch
	read := func(at monitor.Time) func(func(*monitor.Batch, error) bool) {
		return func(yield func(*monitor.Batch, error) bool) {
			for i := range flows {
				e := b.Add()
				e.Kind, e.Time, e.Has = monitor.KindExisting, at, monitor.AttrOrig|monitor.AttrCountersOrig|monitor.AttrHelper
				e.Flow.Orig.SrcPort, e.Extra, e.Raw = uint16(i), b.NewExtra(), []byte{byte(i)}
				e.Extra.Helper = []byte{byte(i)}
				e.Flow.CountersOrig.Bytes = uint64(1000 + i*7%flows*int(at/1e9-100))
				if len(b.Events) == monitor.BatchSize {
					if !yield(&b, nil) {
						return
					}
					for j := range b.Events {
						b.Events[j].Raw[0], b.Events[j].Extra.Helper[0] = 255, 255
					}
					b.Reset()
				}
			}
		}
	}
	var s sorting
	if err := s.read("rate"); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.sorted(read(100e9), nil, filter.Env{}, 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := uint64(flows - 1)
	for b, err := range s.sorted(read(101e9), nil, filter.Env{}, 5) {
		if err != nil || len(b.Events) != 5 {
			t.Fatal(err, len(b.Events))
		}
		for _, e := range b.Events {
			if i := int(e.Flow.Orig.SrcPort); e.Rate.Up != float64(want) || e.Flow.CountersOrig.Bytes != 1000+want || e.Raw[0] != byte(i) ||
				e.Extra.Helper[0] != byte(i) {
				t.Errorf("flow %d with %g bytes/s, want %d", i, e.Rate.Up, want)
			}
			want--
		}
	}
	if want != flows-6 {
		t.Errorf("%d flows left", want)
	}
}
