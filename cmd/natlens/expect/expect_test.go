//go:build linux

package expect

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestList lists expectations up to --limit. On an empty table it says why there are none, on standard error.
func TestList(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	list := func(args ...string) *clitest.Result {
		return clitest.Run(t.Context(), New, "", append([]string{"list", "-o", "jsonl", "--netns", g.Namespace().Path()}, args...)...)
	}
	got := list()
	shown, why, _ := strings.Cut(got.Stderr, "\n") // why depends on the host
	golden.Words(t, "an empty table", shown)
	if got.Code() != 0 || got.Stdout != "" || strings.Count(why, "\n") != 1 {
		t.Errorf("an empty table: %v, %s%s", got.Err, got.Stdout, got.Stderr)
	}
	s, err := kernel.OpenService(g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client, server := monitor.AddrFrom4([4]byte{192, 0, 2, 1}), monitor.AddrFrom4([4]byte{192, 0, 2, 2})
	timeout, all := uint32(600), monitor.AddrFrom4([4]byte{255, 255, 255, 255})
	for port := range uint16(3) {
		master := monitor.Flow{
			Orig:  monitor.Tuple{Src: client, Dst: server, SrcPort: 4000 + port, DstPort: 69, Proto: monitor.UDP, Family: monitor.IPv4},
			Reply: monitor.Tuple{Src: server, Dst: client, SrcPort: 69, DstPort: 4000 + port, Proto: monitor.UDP, Family: monitor.IPv4},
		}
		if err := s.Create(t.Context(), &master, &kernel.Change{Timeout: &timeout, Helper: "tftp"}); err != nil {
			t.Skip("no helper: ", err)
		}
		x := monitor.Expect{Master: master.Orig, Timeout: 60, Tuple: master.Reply, Mask: master.Reply}
		x.Mask.Src, x.Mask.Dst, x.Mask.SrcPort, x.Mask.DstPort = all, all, 0, 0xffff
		if err := s.CreateExpect(t.Context(), &x); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{2, 3, 0} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			got := list(fmt.Sprint("--limit=", limit))
			golden.Words(t, "", got.Stderr)
			if want := cmp.Or(limit, 3); got.Code() != 0 || strings.Count(got.Stdout, "\n") != want {
				t.Errorf("%v, %s%s", got.Err, got.Stdout, got.Stderr)
			}
		})
	}
}

// TestIgnoreMissing deletes an expectation that does not exist.
func TestIgnoreMissing(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, c := range []struct {
		more []string
		code int
	}{{nil, 1}, {[]string{"--ignore-missing"}, 0}} {
		args := append([]string{"delete", "-p", "tcp", "-s", "192.0.2.1", "-d", "192.0.2.2", "--sport", "1", "--dport", "2"}, c.more...)
		var got *clitest.Result
		_ = g.Namespace().Do(func() error { got = clitest.Run(t.Context(), New, "", args...); return nil })
		if got.Code() != c.code {
			t.Errorf("%s: code %d, %v, want %d", c.more, got.Code(), got.Err, c.code)
		}
	}
}

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 get -p tcp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -r 192.0.2.3
2 create -p icmp -s 192.0.2.1 -d 192.0.2.2 --icmp-type 8 --icmp-code 0 -t 60
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60 --tuple-src 192.0.2.2 --tuple-dst 192.0.2.1
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60 --tuple-src 2001:db8::1
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60 --tuple-src 192.0.2.2 --mask-src x
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60 --tuple-src 192.0.2.2 --mask-src ffff::
2 create -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 1 --dport 2 -t 60 --status ASSURED
2 create --tuple-src 192.0.2.1/33
2 create --mask-port-src 65536
`)
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, New, `
list|-o|c → conntrack conntrack,xml
`)
}
