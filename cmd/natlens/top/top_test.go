package top

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
)

// recorded are three counted flows, and one without counters and with a hostile mark of the text direction.
const recorded = `{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","seq":1,"event":"existing","id":7,"proto":"tcp","protonum":6,"family":"ipv4","orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"mark":16,"counters":{"orig":{"packets":10,"bytes":1000},"reply":{"packets":90,"bytes":98000}},"flow":1}
{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","seq":2,"event":"existing","id":8,"proto":"tcp","protonum":6,"family":"ipv4","orig":{"src":"192.168.77.3","sport":39503,"dst":"203.0.113.9","dport":22},"reply":{"src":"203.0.113.9","sport":22,"dst":"203.0.113.1","dport":39503},"counters":{"orig":{"packets":30,"bytes":50000},"reply":{"packets":20,"bytes":1000}},"flow":2}
{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","seq":3,"event":"existing","id":9,"proto":"udp","protonum":17,"family":"ipv4","orig":{"src":"192.168.77.2","sport":5000,"dst":"203.0.113.53","dport":53},"reply":{"src":"203.0.113.53","sport":53,"dst":"203.0.113.1","dport":5000},"counters":{"orig":{"packets":1,"bytes":60},"reply":{"packets":1,"bytes":120}},"flow":3}
{"v":1,"ts":"2026-11-22T06:12:02.000000000Z","seq":4,"event":"new","id":10,"proto":"tcp","protonum":6,"family":"ipv4","orig":{"src":"192.168.77.2","sport":39504,"dst":"203.0.113.9","dport":21},"reply":{"src":"203.0.113.9","sport":21,"dst":"203.0.113.1","dport":39504},"helper":"f\u202etp","flow":4}
`

func run(t *testing.T, args ...string) *clitest.Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte(recorded), 0o600); err != nil {
		t.Fatal(err)
	}
	return clitest.Run(t.Context(), New, "", append(args, "--from", path)...)
}

func TestTopOfARecording(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/top.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"": `{"v":1,"ts":"TS","by":"host","flows":4,"counted":3,"bytes":{"up":51060,"down":99120},"packets":{"up":41,"down":111},` +
			`"groups":[{"key":{"host":"203.0.113.9"},"flows":3,"counted":2,"bytes":{"up":99000,"down":51000},"packets":{"up":110,"down":40}},` +
			`{"key":{"host":"192.168.77.2"},"flows":3,"counted":2,"bytes":{"up":1060,"down":98120},"packets":{"up":11,"down":91}},` +
			`{"key":{"host":"192.168.77.3"},"flows":1,"bytes":{"up":50000,"down":1000},"packets":{"up":30,"down":20}},` +
			`{"key":{"host":"203.0.113.53"},"flows":1,"bytes":{"up":120,"down":60},"packets":{"up":1,"down":1}}]}` + "\n",
		"--by helper dport 21": `{"v":1,"ts":"TS","by":"helper","flows":1,"groups":[{"key":{"helper":"f\u202etp"},"flows":1}]}` + "\n",
		"udp dport 22":         `{"v":1,"ts":"TS","by":"host","flows":0,"groups":[]}` + "\n",
		"-o pretty --by proto,dport --sort bytes": `TIME, 4 flows, 150 kB
PROTO,DPORT  FLOWS  BYTES  SHARE
tcp 443          1  99 kB   66 %
tcp 22           1  51 kB   34 %
udp 53           1  180 B  0.1 %
tcp 21           1      -    0 %
`,
		"-o pretty --by src>mark,dport --sort flows --limit 1": `TIME, 4 flows, 150 kB
SRC > MARK,DPORT  FLOWS  BYTES  SHARE
192.168.77.2          3  99 kB   75 %
  0x0 21              1      -   25 %
  and 2 more
and 1 more
`,
		"-o pretty --by helper": "TIME, 4 flows, 150 kB\nHELPER     FLOWS  BYTES  SHARE\nf\\u202etp      1      -    0 %\n",
		"-o pretty icmp":        "TIME, 0 flows\n",
	} {
		got := run(t, strings.Fields(args)...)
		out := got.Stdout
		if _, rest, ok := strings.Cut(out, `"ts":"`); ok {
			_, rest, _ = strings.Cut(rest, `"`)
			out = `{"v":1,"ts":"TS"` + rest
		} else if at := strings.IndexByte(out, ','); at > 0 {
			out = "TIME" + out[at:]
		}
		if strings.HasPrefix(got.Stdout, "{") {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.Stdout))
			if err = cmp.Or(err, schema.Validate(value)); err != nil {
				t.Errorf("top %s: %v", args, err)
			}
		}
		if out != want || got.Stderr != "" || got.Err != nil {
			t.Errorf("top %s: %v %s\n%s\nwant\n%s", args, got.Err, got.Stderr, out, want)
		}
	}
}

func TestPrettyRates(t *testing.T) {
	o := options{bits: true, by: groups.By{{filter.FieldOrigDPort}}}
	o.rates.Begin(1)
	o.rates.Begin(2)
	group := func(up, down float64, rated uint64) groups.Group {
		return groups.Group{Sums: groups.Sums{Flows: 2, New: 1, Counted: rated, Rated: rated, Rate: groups.Both[float64]{Up: up, Down: down},
			Bytes: groups.Both[uint64]{Up: uint64(up) * 10, Down: uint64(down) * 10}}, Key: make([]filter.Value, 1)}
	}
	top := group(1000, 3000, 1)
	top.Groups = []groups.Group{group(1000, 2000, 1), group(0, 1000, 1), group(0, 0, 0)}
	_, got, _ := strings.Cut(o.pretty(&top, 0), "\n")
	const want = `DPORT  FLOWS  NEW        UP      DOWN      RATE  BYTES  SHARE
0          2    1  8.0 kb/s   16 kb/s   24 kb/s  30 kB   75 %
0          2    1     0 b/s  8.0 kb/s  8.0 kb/s  10 kB   25 %
0          2    1         -         -         -      -    0 %
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestBadFlags(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 --by hosst
2 --by ip
2 --by src,src
2 --sort size
2 -o xml
2 -o json --bits
2 --limit -1
2 --interval 999ms
2 --interval -5s
2 --interval x
2 --from DIR/there --interval 5s
2 --from DIR/there --by container>dport
2 --from DIR/there process curl
2 -e NEW
2 country de
`)
}
