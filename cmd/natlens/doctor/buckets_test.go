//go:build linux

package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"natlens/monitor/lab/labtest"
)

// fewBuckets is the least that the kernel makes a hash table of.
const fewBuckets = 512

// TestBuckets makes the host's hash table small, so that chains get long,
// and then so long that the kernel drops flows; and has it resized under look-ups,
// which then begin again. It expects doctor to report each with its evidence, doctor's
// command to mend it, and nothing of it after that.
func TestBuckets(t *testing.T) {
	labtest.Alone(t, "nf_conntrack_buckets")
	held, err := labtest.HoldBuckets(t.Context())
	if errors.Is(err, labtest.ErrNotInitial) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{Sysctls: map[string]string{"udp_timeout": "600"}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	b := &bucketsTest{T: t, held: held, g: g}
	b.expect("buckets", "ok", "")
	b.set(fewBuckets)
	if n := b.fill(5 * fewBuckets / 2); n > 0 { // each is in the table twice
		b.Fatalf("%d flows were refused: there are too many in other network namespaces", n)
	}
	b.expect("buckets", "warn", "5.00")
	b.fill(15 * fewBuckets / 2)
	b.expect("buckets", "fail", "20.00")
	t.Run("search_restart", b.restarts)
	t.Run("chaintoolong", b.tooLong)
}

// bucketsTest are flows in a table of few buckets.
type bucketsTest struct {
	*testing.T
	held  *labtest.Limit
	g     *labtest.Generator
	begun atomic.Int64 // runs of the generator
}

// set changes the number of buckets.
func (b *bucketsTest) set(n int) {
	b.Helper()
	if err := b.held.Set(n); err != nil {
		b.Fatal(err)
	}
}

// begin begins flows that were not there before.
func (b *bucketsTest) begin(ctx context.Context, cfg labtest.GenConfig) (labtest.Made, error) {
	cfg.Base = int(b.begun.Add(1) % 250)
	return b.g.Generate(ctx, cfg)
}

// fill is begin, as fast as it goes. It returns how many the kernel refused.
func (b *bucketsTest) fill(flows int) (refused int) {
	b.Helper()
	made, err := b.begin(b.Context(), labtest.GenConfig{Flows: flows})
	if err != nil {
		b.Fatal(err)
	}
	return made.Refused
}

// timeout sets how many seconds flows live.
func (b *bucketsTest) timeout(seconds string) {
	b.Helper()
	if err := b.g.Namespace().WriteSysctl("net.netfilter.nf_conntrack_udp_timeout", seconds); err != nil {
		b.Fatal(err)
	}
}

func (b *bucketsTest) diagnose(t *testing.T) *diagnosis {
	t.Helper()
	return diagnose(t, b.g.Namespace())
}

// expect expects the level of a check, and how many entries a bucket has; "": any.
func (b *bucketsTest) expect(id, level, chain string) {
	b.Helper()
	c := b.diagnose(b.T).Check(b.T, id)
	if got := fmt.Sprintf("%.2f", c.Evidence["chain"]); c.Level != level || chain != "" && chain != got {
		b.Errorf("wanted %s %s %s, got %+v", level, id, chain, c)
	}
}

// tooLong begins flows until chains are as long as the kernel lets them be, and
// goes on.
func (b *bucketsTest) tooLong(t *testing.T) {
	if n := b.fill(40_000); n == 0 {
		t.Error("40,000 flows were taken")
	}
	t.Run("cause", func(t *testing.T) {
		labtest.Busy(t, func(ctx context.Context) { _, _ = b.begin(ctx, labtest.GenConfig{Flows: 1000, Rate: 10_000}) })
		d := b.diagnose(t)
		c := d.Check(t, "counter.chaintoolong")
		if moved, _ := c.Evidence["moved"].(float64); c.Level != "fail" || moved == 0 {
			t.Errorf("%+v", c)
		}
		if c := d.Check(t, "counter.drop"); c.Level != "ok" {
			t.Errorf("what did not fit into a chain was reported again: %+v", c)
		}
		if other := d.Check(t, "buckets"); other.Level != "fail" || other.Command != c.Command {
			t.Errorf("%+v", other)
		}
		command := c.Command // this is root of the host
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil ||
			!strings.HasPrefix(command, "sysctl -w net.netfilter.nf_conntrack_buckets=") {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		d = b.diagnose(t)
		for _, id := range []string{"buckets", "counter.chaintoolong", "counter.insert_failed"} {
			if c := d.Check(t, id); c.Level != "ok" {
				t.Errorf("after %s: %+v", command, c)
			}
		}
	})
}

// restarts has look-ups meet flows that are past their time, and that they throw
// out, while one resize after the other moves these to other buckets.
func (b *bucketsTest) restarts(t *testing.T) {
	b.timeout("1")
	defer b.timeout("600")
	t.Run("cause", func(t *testing.T) {
		labtest.Busy(t, func(ctx context.Context) {
			_, _ = b.begin(ctx, labtest.GenConfig{Flows: 12_000,
				Rate: 12_000})
		})
		labtest.Busy(t, func(context.Context) {
			for _, n := range []int{2 * fewBuckets, fewBuckets} {
				if err := b.held.Set(n); err != nil {
					t.Error(err)
				}
			}
		})
		labtest.WaitFor(t, "look-ups to begin again", func() bool {
			moved, _ := b.diagnose(t).Check(t, "counter.search_restart").Evidence["moved"].(float64)
			return moved > 0
		})
	})
	b.set(fewBuckets)
	b.expect("counter.search_restart", "ok", "")
}
