package export

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"natlens/monitor"
)

func expectTuple(p monitor.Proto, src, dst string, sport, dport uint16) monitor.Tuple {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	return monitor.Tuple{Src: monitor.AddrFrom(s), Dst: monitor.AddrFrom(d), SrcPort: sport, DstPort: dport, Proto: p, Family: monitor.IPv4}
}

// TestExpects holds each format to its text, with a helper whose name is hostile.
func TestExpects(t *testing.T) {
	x := monitor.Expect{
		Kind: monitor.KindNew, PortID: 42, Time: 1_700_000_000_000_123_456, TimeSource: monitor.TimeReceived,
		Has:     monitor.ExpectTimeout | monitor.ExpectID | monitor.ExpectClass | monitor.ExpectZone | monitor.ExpectHelper | monitor.ExpectNAT,
		Tuple:   expectTuple(monitor.GRE, "198.51.100.2", "192.0.2.1", 0, 0x77),
		Mask:    expectTuple(monitor.GRE, "255.255.255.255", "255.255.255.255", 0, 0xffff),
		Master:  expectTuple(monitor.TCP, "192.0.2.1", "198.51.100.2", 4000, 1723),
		NAT:     expectTuple(monitor.TCP, "10.0.0.1", "0.0.0.0", 4000, 0),
		Timeout: 300, ID: 7, Zone: 5, Class: 1, Helper: "pp<t>p\x1b[31m", Flags: monitor.ExpectPermanent | monitor.ExpectUserspace,
	}
	for _, c := range []struct{ format, want string }{
		{"conntrack,timestamp", "[1700000000.123   ]\t    [NEW] 300 proto=47 src=198.51.100.2 dst=192.0.2.1 srckey=0x0 dstkey=0x77 " +
			"mask-src=255.255.255.255 mask-dst=255.255.255.255 srckey=0x0 dstkey=0xffff " +
			`master-src=192.0.2.1 master-dst=198.51.100.2 sport=4000 dport=1723 zone=5 PERMANENT,USERSPACE class=1 helper=pp<t>p\x1b[31m` + "\n"},
		{"conntrack,xml", `<?xml version="1.0" encoding="utf-8"?>` + "\n<expect>\n" +
			`<flow type="new"><layer3 protonum="2" protoname="ipv4"><expected><src>198.51.100.2</src><dst>192.0.2.1</dst></expected>` +
			`<mask><src>255.255.255.255</src><dst>255.255.255.255</dst></mask><master><src>192.0.2.1</src><dst>198.51.100.2</dst></master></layer3>` +
			`<layer4 protonum="47" protoname="gre"><expected><srckey>0x0</srckey><dstkey>0x77</dstkey></expected>` +
			`<mask><srckey>0x0</srckey><dstkey>0xffff</dstkey></mask><master><sport>4000</sport><dport>1723</dport></master></layer4>` +
			`<meta><helper-name>pp&lt;t&gt;p\x1b[31m</helper-name><timeout>300</timeout><class>1</class><zone>5</zone><permanent/><userspace/></meta></flow>` +
			"\n</expect>\n"},
		{"jsonl", `{"v":1,"ts":"2023-11-14T22:13:20.000123456Z","ts_source":"receive","expectation":"new","id":7,"family":"ipv4","proto":"gre","protonum":47,` +
			`"timeout":300,"expected":{"src":"198.51.100.2","srckey":0,"dst":"192.0.2.1","dstkey":119},` +
			`"mask":{"src":"255.255.255.255","srckey":0,"dst":"255.255.255.255","dstkey":65535},` +
			`"master":{"proto":"tcp","src":"192.0.2.1","sport":4000,"dst":"198.51.100.2","dport":1723},` +
			`"nat":{"src":"10.0.0.1","sport":4000,"dst":"0.0.0.0","dport":0},"zone":5,"helper":"pp<t>p\u001b[31m","class":1,` +
			`"flags":["permanent","userspace"],"portid":42}` + "\n"},
	} {
		var out bytes.Buffer
		sink, err := NewExpects(c.format, &out, Options{Location: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Expect(&x); err != nil {
			t.Fatal(err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.format, out.String(), c.want)
		}
	}
	for _, format := range []string{"pretty", "csv", "jsonl,id", "conntrack,nosuch"} {
		if _, err := NewExpects(format, &bytes.Buffer{}, Options{}); err == nil {
			t.Errorf("%s is taken", format)
		}
	}
}
