//go:build linux

package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

var nftLine = regexp.MustCompile(`^trace id ([0-9a-f]+) (\S+ \S+ \S+) (?:rule (.*) # handle (\d+) \(verdict (.*)\)|policy (\S+))`)

// TestBesideNft compares the steps of packets with what nft(8) prints of them.
func TestBesideNft(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	l := labtest.NewWith(t, lab.Config{})
	labtest.Rules(t, l, `table ip many {
	chain a { udp dport 53 jump b; }
	chain b { ip ttl > 1 continue; ip ttl 1-255 udp dport 53 drop comment "no # handle 7 here"; }
	chain pre { type nat hook prerouting priority -90; dnat ip to udp dport map { 52 : 203.0.113.8, 53 : 203.0.113.9 }; }
	chain forward { type filter hook forward priority 5; jump a; }
	chain raw { type filter hook prerouting priority -310; udp dport 777 udp dport set 53; }
}`)
	tr := open(t, l, "udp", 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	monitor := exec.CommandContext(ctx, "nft", "-a", "monitor", "trace")
	out, err := monitor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Gateway.Do(monitor.Start); err != nil {
		t.Fatal(err)
	}
	theirs := map[string][]string{}
	dropped := make(chan string, 1000) // packets whose trace nft has printed completely
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			m := nftLine.FindStringSubmatch(lines.Text())
			if m == nil || strings.HasPrefix(m[2], "inet natlens") {
				continue
			}
			step := fmt.Sprintf("%s: %s handle %s: %s", m[2], m[3], m[4], m[5])
			if m[6] != "" {
				step = m[2] + ": policy " + m[6]
			}
			if theirs[m[1]] = append(theirs[m[1]], step); m[5] == "drop" {
				dropped <- m[1]
			}
		}
		close(dropped)
	}()
	ours := map[string][]string{}
	done := errors.New("done")
	seen := ""
	for port := uint16(1); seen == ""; port++ {
		from := netip.AddrPortFrom(lab.ClientIP, 20000+port)
		to := netip.AddrPortFrom(lab.Blackhole, 777)
		if _, err := l.UDPOnce(ctx, lab.UDP{Local: from, To: to, NoReply: true}); err != nil {
			t.Fatal(err)
		}
		err := tr.Run(ctx, func(p *Packet) error {
			id := fmt.Sprintf("%08x", p.id)
			for i := range p.Steps {
				s := &p.Steps[i]
				verdict := strings.TrimSpace(s.Verdict + " " + s.Target)
				step := fmt.Sprintf("%s: %s handle %d: %s", s.Chain.String(), s.Text, s.Handle, verdict)
				if s.Kind == Policy {
					step = s.Chain.String() + ": policy " + s.Verdict
				}
				ours[id] = append(ours[id], step)
			}
			return done
		})
		if !errors.Is(err, done) {
			t.Fatal(err)
		}
		select {
		case seen = <-dropped:
		case <-time.After(50 * time.Millisecond): // nft was not listening yet
		}
	}
	cancel()
	for range dropped { // to the end of nft
	}
	_ = monitor.Wait()
	if diff := cmp.Diff(theirs[seen], ours[seen]); diff != "" {
		t.Error(diff)
	}
}
