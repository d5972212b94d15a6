//go:build linux

package findings

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor/golden"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// causePorts gives a pool of 80 ports 72 flows.
func causePorts(g *gateway) {
	pool := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), lab.Proto(unix.IPPROTO_UDP), labtest.SNAT(lab.GatewayWAN, 5000, 5079, false))
	defer pool()
	for i := range uint16(72) {
		g.ask(nil, 30000+i, lab.ServerDNS, true)
	}
	g.await("udp seen_reply snat", 72)
	g.later(3 * time.Second)
	g.sees("snat-ports 203.0.113.1 udp → 203.0.113.9:53", 72)
	g.delete("udp sport >= 1")
	g.later(3 * time.Second)
	g.clears("snat-ports 203.0.113.1 udp → 203.0.113.9:53")
}

// causeBlock gives two clients a block of 100 ports each. The first uses all of it.
func causeBlock(g *gateway) {
	udp := lab.Proto(unix.IPPROTO_UDP)
	for i, client := range []netip.Addr{lab.ClientIP, lab.Client2IP} {
		low := uint16(1024 + 100*i)
		block := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), udp, labtest.Saddr(client), labtest.SNAT(lab.GatewayWAN, low, low+99, false))
		defer block()
	}
	for i := range uint16(100) {
		g.ask(g.l.Client, 30000+i, lab.ServerDNS, true)
		if i < 40 {
			g.ask(g.l.Client2, 30000+i, lab.ServerDNS, true)
		}
	}
	g.await("udp seen_reply snat", 140)
	g.later(3 * time.Second)
	golden.Words(g.t, "", g.sees("snat-ports 203.0.113.1 udp → 203.0.113.9:53 for 192.168.77.2", 100).Text)
	g.delete("udp src 192.168.77.2 sport >= 30030")
	g.later(3 * time.Second)
	g.clears("snat-ports 203.0.113.1 udp → 203.0.113.9:53 for 192.168.77.2")
}

// causeSharedBlock gives two clients one block of 100 ports, and the gateway another one. The clients use all of theirs.
func causeSharedBlock(g *gateway) {
	udp := lab.Proto(unix.IPPROTO_UDP)
	for client, low := range map[netip.Addr]uint16{lab.ClientIP: 1024, lab.Client2IP: 1024, lab.GatewayWAN: 1124} {
		block := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), udp, labtest.Saddr(client), labtest.SNAT(lab.GatewayWAN, low, low+99, false))
		defer block()
	}
	for i := range uint16(50) {
		g.ask(g.l.Client, 30000+i, lab.ServerDNS, true)
		g.ask(g.l.Client2, 30000+i, lab.ServerDNS, true)
		if i < 40 {
			g.ask(g.l.Gateway, 30000+i, lab.ServerDNS, true)
		}
	}
	g.await("udp seen_reply snat", 140)
	g.later(3 * time.Second)
	golden.Words(g.t, "", g.sees("snat-ports 203.0.113.1 udp → 203.0.113.9:53 for 192.168.77.2 and others", 100).Text)
	g.delete("udp and (src 192.168.77.3 or src 192.168.77.2 sport >= 30030)")
	g.later(3 * time.Second)
	g.clears("snat-ports 203.0.113.1 udp → 203.0.113.9:53 for 192.168.77.2 and others")
}

// causeClash has two clients use the same source ports.
func causeClash(g *gateway) {
	g.thresholds[snatClashMin] = 30
	for port := range uint16(40) {
		g.ask(g.l.Client, 20000+port, lab.ServerDNS, true)
		g.ask(g.l.Client2, 20000+port, lab.ServerDNS, true)
	}
	g.await("udp seen_reply snat", 80)
	g.later(3 * time.Second)
	// A port that was chosen for one may be the one that another would have kept.
	changed := g.selected("udp snat-port")
	if changed < 40 {
		g.t.Errorf("%d ports were changed", changed)
	}
	g.sees("snat-clash 203.0.113.1 udp", changed)
	g.delete("udp src 192.168.77.3")
	g.later(3 * time.Second)
	g.clears("snat-clash 203.0.113.1 udp")
}

// causeRace has two hosts ask a resolver from the same port at the same moment:
// NAT gives both that port, and one of them loses.
func causeRace(g *gateway) {
	g.thresholds[snatClashMin], g.thresholds[snatMin] = 1e6, 1e6 // ports clash without a race, too
	g.later(time.Second)
	before := g.counters()
	g.race(labtest.Race{To: lab.ServerDNS, TwoHosts: true}, func() bool {
		return g.counters()[0]["insert_failed"] >= before[0]["insert_failed"]+4
	})
	g.seesRaces("dns-race 203.0.113.9")
}

// causeDNSClash has a client send two queries from one port at the same moment,
// as resolver libraries do that ask for A and AAAA at once.
func causeDNSClash(g *gateway) {
	g.later(time.Second)
	before := g.counters()
	// Fewer a second than are many flows of one host.
	g.race(labtest.Race{To: lab.ServerDNS, Rate: int(g.thresholds[manyFlows]) - 20}, func() bool {
		return g.counters()[0]["clash_resolve"] >= before[0]["clash_resolve"]+110
	})
	g.seesRaces("dns-clash 203.0.113.9")
}
