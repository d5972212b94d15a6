//go:build linux

package table

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// withUDP makes a namespace with n flows, from source port 1000 on.
func withUDP(t *testing.T, n int) *lab.Namespace {
	t.Helper()
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	s, err := kernel.OpenService(g.Namespace().FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range n {
		begin(t, s, uint16(1000+i))
	}
	return g.Namespace()
}

func udpFlow(port uint16) monitor.Flow {
	src, dst := monitor.AddrFrom(netip.MustParseAddr("192.0.2.1")), monitor.AddrFrom(netip.MustParseAddr("198.51.100.2"))
	return monitor.Flow{
		Orig:  monitor.Tuple{Src: src, Dst: dst, SrcPort: port, DstPort: 53, Proto: monitor.UDP, Family: monitor.IPv4},
		Reply: monitor.Tuple{Src: dst, Dst: src, SrcPort: 53, DstPort: port, Proto: monitor.UDP, Family: monitor.IPv4},
	}
}

// begin makes a flow of a source port.
func begin(t *testing.T, s *kernel.Service, port uint16) {
	t.Helper()
	f, timeout := udpFlow(port), uint32(590)
	if err := s.Create(t.Context(), &f, &kernel.Change{Timeout: &timeout}); err != nil {
		t.Fatal(err)
	}
}

func in(t *testing.T, ns *lab.Namespace, build func(cli.Console) *cobra.Command, args string) *clitest.Result {
	t.Helper()
	return clitest.Run(t.Context(), build, "", append(strings.Fields(args), "--netns", ns.Path())...)
}

// TestLabelsWithoutRules expects labels that the kernel does not keep to be an error: without a rule that uses labels,
// it drops those of a new flow silently, and rejects them for others.
func TestLabelsWithoutRules(t *testing.T) {
	ns := withUDP(t, 2)
	got := in(t, ns, NewCreate, "-p udp -s 192.0.2.9 -d 192.0.2.8 --sport 1 --dport 2 -t 60 --label-add 5,7")
	golden.Words(t, "create", got.Messages())
	if got.Code() != 1 {
		t.Errorf("create: code %d, %v, %s", got.Code(), got.Err, got.Stderr)
	}
	if left := in(t, ns, NewCount, "").Stdout; left != "2\n" {
		t.Errorf("%s flows after it, want 2", left)
	}
	got = in(t, ns, NewUpdate, "--yes udp --label-add 5,7")
	golden.Words(t, "update", got.Messages())
	if got.Code() != 1 {
		t.Errorf("update: code %d, %v, %s", got.Code(), got.Err, got.Stderr)
	}
}

// TestSomeFail changes two flows, one of which began before a rule used labels and cannot have them.
func TestSomeFail(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("nft makes the rule that uses labels: ", err)
	}
	ns := withUDP(t, 1)
	err = ns.Do(func() error {
		return exec.Command(nft, "add table t; add chain t c { type filter hook output priority 0; }; add rule t c ct label set 1").Run()
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := kernel.OpenService(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin(t, s, 1001)
	for _, args := range []string{"--yes udp --label-add 5", "--yes udp --label-add 6 --summary"} {
		got := in(t, ns, NewUpdate, args)
		golden.Words(t, args, last(got))
		if got.Code() != 1 || strings.Count(got.Stderr, "\n") != 2 {
			t.Errorf("%s: code %d, %v, %s", args, got.Code(), got.Err, got.Stderr)
		}
	}
}

// TestNATFamily expects a NAT address of another family than the flow to be a usage error, and nothing to be made.
func TestNATFamily(t *testing.T) {
	ns := withUDP(t, 0)
	for _, args := range []string{
		"-s 192.0.2.1 -d 192.0.2.2 --dst-nat 2001:db8::3",
		"-s 2001:db8::1 -d 2001:db8::2 --src-nat 192.0.2.3:99",
		"-s 192.0.2.1 -d 192.0.2.2 --src-nat [2001:db8::3]:99",
		"-s 192.0.2.1 -d 192.0.2.2 --dst-nat ::ffff:192.0.2.3",
		"-s 192.0.2.1 -d 2001:db8::2 --dst-nat 192.0.2.3",
		"-s 192.0.2.1 -d 192.0.2.2 -r 2001:db8::2 --dst-nat 192.0.2.4",
	} {
		got := in(t, ns, NewCreate, "-p udp --sport 1 --dport 2 -t 60 "+args)
		golden.Words(t, args, got.Err)
		if got.Code() != 2 {
			t.Errorf("%s: code %d, %v", args, got.Code(), got.Err)
		}
	}
	if n := in(t, ns, NewCount, "").Stdout; n != "0\n" {
		t.Errorf("%s flows were made", n)
	}
}

func TestIgnoreMissing(t *testing.T) {
	ns := withUDP(t, 1)
	for _, c := range []struct {
		args string
		code int
	}{
		{"tcp --yes", 1}, {"tcp --yes --ignore-missing", 0}, {"tcp --dry-run", 1}, {"tcp --dry-run --ignore-missing", 0}, {"udp --yes --ignore-missing", 0},
		{"tcp --yes --summary", 1}, {"tcp --yes --summary --ignore-missing", 0},
	} {
		if got := in(t, ns, NewDelete, c.args); got.Code() != c.code {
			t.Errorf("%s: code %d, %v, want %d", c.args, got.Code(), got.Err, c.code)
		}
	}
}

// TestListLimit ends after N flows, in one namespace and in all.
func TestListLimit(t *testing.T) {
	ns := withUDP(t, 5)
	got := in(t, ns, NewList, "-o jsonl --limit 3")
	golden.Words(t, "", got.Stderr)
	if got.Code() != 0 || strings.Count(got.Stdout, "\n") != 3 {
		t.Errorf("code %d, %v, %s%s", got.Code(), got.Err, got.Stdout, got.Stderr)
	}
	if got := in(t, ns, NewList, "-o jsonl src 192.0.2.1 and sport 1001..1002"); strings.Count(got.Stdout, "\n") != 2 {
		t.Errorf("got %s", got.Stdout)
	}
}

// TestListEmpty says why an empty table is empty, and nothing of the kind if the filter selects no flow.
func TestListEmpty(t *testing.T) {
	ns := withUDP(t, 1)
	golden.Words(t, "a filter without flows", in(t, ns, NewList, "tcp").Messages())
	if got := in(t, ns, NewDelete, "udp --yes"); got.Code() != 0 {
		t.Fatal(got.Err)
	}
	for _, args := range []string{"tcp --summary -o conntrack", ""} {
		got := in(t, ns, NewList, args)
		shown, why, _ := strings.Cut(got.Stderr, "\n") // why depends on the host
		golden.Words(t, "list "+args, shown)
		if got.Stdout != "" || strings.Count(why, "\n") != 1 || args == "" && !strings.Contains(why, " → ") {
			t.Errorf("list %s: %s%s", args, got.Stdout, got.Stderr)
		}
	}
	if got := in(t, ns, NewList, "-o jsonl --quiet"); got.Stdout+got.Stderr != "" {
		t.Errorf("--quiet: %s%s", got.Stdout, got.Stderr)
	}
}
