//go:build linux

package doctor

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

var varying = regexp.MustCompile(`\d+([.,]\d+)*(d\d+h|m?s)?\b`)

// TestCauses makes each cause for real and expects it to be reported with its
// evidence, takes it away by the command that doctor gives or as said, and
// expects it to be gone.
func TestCauses(t *testing.T) {
	for _, c := range []struct {
		id, level string
		cause     func(t *testing.T, l *lab.Lab)
		args      []string // of the run that sees it
		evidence  string   // name=value, or the name of a number above 0
		remove    func(t *testing.T, l *lab.Lab, command string)
	}{
		{
			id: "hook", level: "fail", cause: labtest.FlushRules, evidence: "rules=0",
			remove: func(t *testing.T, l *lab.Lab, command string) {
				labtest.Shell(t, l, command)
				// Without NAT nobody answers.
				for range 3 {
					if _, err := l.UDPOnce(t.Context(), lab.UDP{To: lab.ServerDNS, NoReply: true}); err != nil {
						t.Fatal(err)
					}
				}
				labtest.WaitFor(t, "flows to be tracked after "+command, func() bool {
					return entries(t,
						l.Gateway) == "3"
				})
			},
		},
		{id: "events", level: "fail", cause: labtest.SetConntrack("events", "0"),
			evidence: "nf_conntrack_events=0", remove: labtest.Shell},
		{id: "acct", level: "warn", cause: labtest.SetConntrack("acct", "0"),
			evidence: "nf_conntrack_acct=0", remove: labtest.Shell},
		{id: "timestamp", level: "warn", cause: labtest.SetConntrack("timestamp", "0"),
			evidence: "nf_conntrack_timestamp=0", remove: labtest.Shell},
		{
			id: "ring", level: "warn", cause: func(*testing.T, *lab.Lab) {}, args: []string{"--capture", "socket"},
			remove: func(t *testing.T, _ *lab.Lab, _ string) {
				if !labtest.InitialUserNS() {
					t.Skip("the ring can't be had in a user namespace")
				}
			},
		},
		{
			id: "helper", level: "warn", evidence: "without_ftp=1",
			cause: func(t *testing.T, l *lab.Lab) { oneTCP(t, l, lab.ServerFTP) },
			remove: func(t *testing.T, l *lab.Lab, command string) {
				labtest.Shell(t, l, command)
				labtest.ForgetFlows(t, l)
				oneTCP(t, l, lab.ServerFTP)
				if got := diagnose(t, l.Gateway).Check(t, "helper"); got.Evidence["with_helper"] != 1.0 {
					t.Errorf("after %s: %+v", command, got)
				}
			},
		},
		{
			id: "events", level: "ok", evidence: "nf_conntrack_events=2",
			cause: func(t *testing.T, l *lab.Lab) {
				labtest.SetConntrack("events", "2")(t, l)
				labtest.FlowsUDP(t,
					l, 3)
			},
			remove: func(t *testing.T, l *lab.Lab, command string) {
				labtest.Shell(t, l, command)
				if got := diagnose(t, l.Gateway).Check(t, "events"); got.Evidence["nf_conntrack_events"] != 1.0 ||
					got.Command != "" {
					t.Errorf("after %s: %+v", command, got)
				}
			},
		},
		{
			id: "labels", level: "ok", evidence: "with_labels=1",
			cause: func(t *testing.T, l *lab.Lab) {
				labtest.Shell(t, l, "nft 'add table ip labelled; add chain ip labelled pre { type filter hook "+
					"prerouting priority -150; }; add rule ip labelled pre udp dport 53 ct label set 1'")
				labtest.FlowsUDP(t, l, 1)
			},
			remove: func(t *testing.T, l *lab.Lab, _ string) {
				labtest.ForgetFlows(t, l)
				if got := diagnose(t, l.Gateway).Check(t, "labels"); got.Evidence["with_labels"] != 0.0 {
					t.Errorf("after: %+v", got)
				}
			},
		},
		{
			id: "timeout.udp", level: "warn",
			evidence: "quiet_protocols=12",
			cause: func(t *testing.T, l *lab.Lab) {
				for range 12 {
					if _, err := l.UDPOnce(t.Context(), lab.UDP{To: netip.AddrPortFrom(lab.Blackhole, 5060),
						NoReply: true}); err != nil {
						t.Fatal(err)
					}
				}
			},
			remove: labtest.Shell,
		},
		{
			id: "timeout.established", level: "warn",
			evidence: "idle=1000",
			cause:    causeIdle, remove: func(t *testing.T, l *lab.Lab, _ string) { labtest.ForgetFlows(t, l) },
		},
		{
			id: "counter.clash_resolve", level: "warn", evidence: "moved",
			cause: func(t *testing.T, l *lab.Lab) { races(t, l, labtest.Race{To: lab.ServerDNS}) },
			remove: func(t *testing.T, _ *lab.Lab, command string) { // nobody sends more
				if !strings.HasSuffix(command, "event new") {
					t.Errorf("%q does not show the flows that begin", command)
				}
			},
		},
		{
			// What the race drops does not count as a full table.
			id: "counter.drop", level: "ok", evidence: "moved",
			cause:  func(t *testing.T, l *lab.Lab) { races(t, l, labtest.Race{To: lab.ServerDNS, TwoHosts: true}) },
			remove: func(*testing.T, *lab.Lab, string) {},
		},
		{
			id: "counter.insert_failed", level: "warn", evidence: "moved",
			cause: func(t *testing.T, l *lab.Lab) {
				// One public port for all: the second flow to a destination finds it taken.
				err := labtest.AddRule(l, nftables.TableFamilyIPv4, "nat", "postrouting",
					lab.Proto(unix.IPPROTO_UDP), labtest.SNAT(lab.GatewayWAN, 5000, 5000, false))
				if err != nil {
					t.Fatal(err)
				}
				labtest.Busy(t, func(ctx context.Context) {
					_, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS, NoReply: true})
				})
			},
			remove: func(t *testing.T, l *lab.Lab, _ string) { labtest.FlushRules(t, l) },
		},
		{
			id: "counter.invalid", level: "warn", evidence: "moved",
			cause:  func(t *testing.T, l *lab.Lab) { shortSegments(t, l, 20) },
			remove: func(*testing.T, *lab.Lab, string) {}, // nobody sends more
		},
		{
			id: "counter.error", level: "warn", evidence: "moved",
			cause:  func(t *testing.T, l *lab.Lab) { lostErrors(t, l, 20) },
			remove: func(*testing.T, *lab.Lab, string) {},
		},
		{
			id: "queue", level: "warn", args: []string{"--capture", "socket", "--buffer-size", "4096"},
			evidence: "way=socket",
			cause: func(t *testing.T, l *lab.Lab) {
				labtest.Busy(t, func(ctx context.Context) { _, _ = l.UDPOnce(ctx, lab.UDP{To: lab.ServerDNS}) })
			},
			remove: func(*testing.T, *lab.Lab, string) {}, // a buffer of the usual size
		},
	} {
		t.Run(c.id, func(t *testing.T) {
			l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true,
				Sysctls: map[string]string{"net.netfilter.nf_conntrack_events": "1"}})
			if got := diagnose(t, l.Gateway).Check(t, c.id); got.Level != "ok" && c.id != "ring" {
				t.Fatalf("before: %+v", got)
			}
			skipped := false
			t.Run("cause", func(t *testing.T) {
				defer func() { skipped = t.Skipped() }()
				c.cause(t, l)
				// How fast counters move, and how many events were too many, is the machine's;
				// nor is a race won in each run.
				var got diagnosed
				seen := func() bool {
					got = diagnose(t, l.Gateway, c.args...).Check(t, c.id)
					level := got.Level == c.level || got.Level == "fail" && (c.id == "counter.insert_failed" ||
						c.id == "queue")
					name, want, equal := strings.Cut(c.evidence, "=")
					number, _ := got.Evidence[name].(float64)
					return level && (name == "" || equal && jsonText(got.Evidence[name]) == want || !equal && number > 0)
				}
				defer func() {
					if t.Failed() {
						t.Logf("got %+v", got)
					}
				}()
				labtest.WaitFor(t, c.level+" "+c.id+" "+c.evidence, seen)
				if c.id != "queue" {
					golden.Words(t, "", varying.ReplaceAllString(got.Text, "N"))
				}
				c.remove(t, l, got.Command)
			})
			switch {
			case skipped:
				t.Skip("its cause or its remedy was skipped")
			case t.Failed():
				return
			}
			if got := diagnose(t, l.Gateway).Check(t, c.id); got.Level != "ok" && (c.id != "ring" ||
				labtest.InitialUserNS()) && c.id != "helper" {
				t.Errorf("after: %+v", got)
			}
		})
	}
}

// shortSegments sends TCP segments that end within their header.
func shortSegments(t *testing.T, l *lab.Lab, many int) {
	sendRaw(t, l, unix.IPPROTO_TCP, []byte{0x10, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0}, many)
}

// lostErrors sends messages of ICMP that a port is unreachable, of a flow that never
// was: 192.168.77.2:1 to 203.0.113.9:1 by UDP.
func lostErrors(t *testing.T, l *lab.Lab, many int) {
	sendRaw(t, l, unix.IPPROTO_ICMP, []byte{
		3, 3, 0x2e, 0x10, 0, 0, 0, 0, // type, code, checksum
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 203, 0, 113, 9, 192, 168, 77, 2,
		0, 1, 0, 1, 0, 8, 0, 0,
	}, many)
}

// sendRaw sends packets of a protocol through the gateway, again and again until
// the test ends, many at a time.
func sendRaw(t *testing.T, l *lab.Lab, proto int, packet []byte, many int) {
	var fd int
	err := l.Client.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	to := &unix.SockaddrInet4{Addr: lab.ServerIP.As4()}
	labtest.Busy(t, func(ctx context.Context) {
		for range many {
			_ = unix.Sendto(fd, packet, 0, to)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	})
}

// causeIdle holds a thousand connections that the kernel keeps for 1,000 s, and
// has it keep new ones for a day: the old ones seem to have been idle since.
func causeIdle(t *testing.T, l *lab.Lab) {
	labtest.SetConntrack("tcp_timeout_established", "1000")(t, l)
	for range 1000 {
		c, err := l.Client.DialTCP(t.Context(), netip.AddrPortFrom(netip.IPv4Unspecified(), 0), lab.ServerHTTP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	labtest.SetConntrack("tcp_timeout_established", "86400")(t, l)
}

// races has packets race until the test ends.
func races(t *testing.T, l *lab.Lab, r labtest.Race) {
	if err := labtest.RunRace(t.Context(), l, r, func() bool { return true }); errors.Is(err, labtest.ErrOneCPU) {
		labtest.Lack(t, "second CPU")
	}
	labtest.Busy(t, func(ctx context.Context) {
		_ = labtest.RunRace(ctx, l, r, func() bool { return ctx.Err() != nil })
	})
}
