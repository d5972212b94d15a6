package tui

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"natlens/monitor"
	"natlens/tui/tail"
)

const (
	seen    = monitor.SeenReply
	assured = monitor.SeenReply | monitor.Assured
	timed   = monitor.AttrState | monitor.AttrTimeout
	counted = monitor.AttrCountersOrig | monitor.AttrCountersReply
)

// live is a TCP flow in a state.
func live(f monitor.Flow, s monitor.State, timeout uint32) monitor.Flow {
	f.State, f.Timeout = s, timeout
	return f
}

// gateway plays a few minutes of a small office's gateway.
func (st *stage) gateway() {
	st.table.SetLocals(
		monitor.NewLocals([]netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("192.168.77.1")}),
	)
	web := flowOf(
		monitor.TCP,
		"192.168.77.2:39502",
		"203.0.113.9:443",
		"203.0.113.1:39502",
		"203.0.113.9:443",
		srcNAT,
		monitor.PathForward,
	)
	st.event(monitor.KindNew, 12, live(web, monitor.TCPSynSent, 120), timed, nil)
	web.Status |= seen
	st.event(monitor.KindUpdate, 11.982, live(web, monitor.TCPSynRecv, 60), timed, nil)
	web.Status |= monitor.Assured
	web.Mark = 7
	st.event(monitor.KindUpdate, 11.981, live(web, monitor.TCPEstablished, 432000), timed|monitor.AttrMark, nil)

	in := flowOf(
		monitor.TCP,
		"198.51.100.7:51022",
		"203.0.113.1:8080",
		"198.51.100.7:51022",
		"192.168.77.2:80",
		dstNAT|assured,
		monitor.PathForward,
	)
	st.event(monitor.KindNew, 242, live(in, monitor.TCPEstablished, 432000), timed, nil)
	st.event(
		monitor.KindNew,
		1,
		live(flowOf(monitor.TCP, "192.168.77.3:4444", "203.0.113.9:443", "203.0.113.1:55506", "203.0.113.9:443",
			srcNAT, monitor.PathForward), monitor.TCPSynSent, 119),
		timed,
		nil,
	)
	local := flowOf(
		monitor.TCP,
		"203.0.113.1:4444",
		"203.0.113.9:443",
		"203.0.113.1:55507",
		"203.0.113.9:443",
		srcNAT|assured,
		monitor.PathOut,
	)
	st.event(monitor.KindNew, 70, live(local, monitor.TCPCloseWait, 60), timed, nil)
	dns := flowOf(
		monitor.UDP,
		"192.168.77.2:5353",
		"192.0.2.53:53",
		"203.0.113.1:5353",
		"192.0.2.53:53",
		srcNAT|assured,
		monitor.PathForward,
	)
	dns.Timeout = 92
	st.event(monitor.KindNew, 28, dns, monitor.AttrTimeout, nil)
	ping := flowOf(
		monitor.ICMP,
		"192.168.77.3:77",
		"203.0.113.9:0",
		"203.0.113.1:59304",
		"203.0.113.9:59304",
		srcNAT|seen,
		monitor.PathForward,
	)
	ping.Timeout = 30
	st.event(monitor.KindNew, 3, ping, monitor.AttrTimeout, nil)
	v6 := flowOf(monitor.TCP, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1111]:39502", "[2001:db8:1:2:3:4:5:6]:443",
		"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[2001:db8:1:2:3:4:5:6]:443", srcNAT|assured, monitor.PathForward)
	st.event(monitor.KindNew, 4000, live(v6, monitor.TCPEstablished, 431000), timed, nil)
	gre := flowOf(
		monitor.GRE,
		"10.0.0.5:16",
		"203.0.113.9:4097",
		"203.0.113.1:16",
		"203.0.113.9:4097",
		srcNAT,
		monitor.PathForward,
	)
	st.event(monitor.KindNew, 500, gre, 0, nil)
	plain := flowOf(
		monitor.UDP,
		"10.0.0.5:1000",
		"10.0.0.9:2000",
		"10.0.0.5:1000",
		"10.0.0.9:2000",
		seen,
		monitor.PathForward,
	)
	st.event(monitor.KindExisting, 600, plain, monitor.AttrTimeout, nil)

	done := flowOf(
		monitor.TCP,
		"192.168.77.2:39498",
		"203.0.113.9:443",
		"203.0.113.1:39498",
		"203.0.113.9:443",
		srcNAT|assured,
		monitor.PathForward,
	)
	st.event(monitor.KindNew, 126, live(done, monitor.TCPEstablished, 432000), timed, nil)
	done.CountersOrig, done.CountersReply = monitor.Counters{
		Packets: 70,
		Bytes:   48_000,
	}, monitor.Counters{
		Packets: 900,
		Bytes:   1_100_000,
	}
	st.event(monitor.KindDestroy, 2, live(done, monitor.TCPTimeWait, 0), monitor.AttrState|counted, nil)
	st.gap(1.5, 2844)
	slices.SortStableFunc(st.batch.Events, func(a, b monitor.Event) int { return cmp.Compare(a.Time, b.Time) })
	for i := range st.batch.Events {
		st.batch.Events[i].Seq = uint64(i + 1)
	}
	st.spread()
	st.commit()
}

// spread fills the last minute of the sparkline.
func (st *stage) spread() {
	events := st.stats.Events
	for i := range 61 {
		st.header.line.Sample(st.now-monitor.Time(60-i)*1e9, 0, 0, tail.Counts{Created: events + uint64(i*i*3+i%7*40)})
	}
	st.stats.Events = events + 60*60*3 + 4*40
}

// rare adds flows with attributes that few have, hostile text among them.
func (st *stage) rare() {
	f := flowOf(
		monitor.TCP,
		"192.168.77.9:40001",
		"203.0.113.9:21",
		"203.0.113.1:40001",
		"203.0.113.9:21",
		srcNAT|assured,
		monitor.PathForward,
	)
	f.Mark, f.CountersOrig, f.CountersReply = 0x1f, monitor.Counters{
		Packets: 412,
		Bytes:   48_100_000,
	}, monitor.Counters{
		Packets: 398,
		Bytes:   1_100_000,
	}
	f.Use, f.TCP = 2, monitor.TCPInfo{
		WScaleOrig:  7,
		WScaleReply: 9,
		FlagsOrig:   0x33,
		MaskOrig:    0x33,
		FlagsReply:  0x23,
		MaskReply:   0x33,
	}
	f.Orig.Zone, f.Reply.Zone, f.Zone = 5, 5, 5
	x := &monitor.Extra{Helper: []byte("ftp\x1b[2J\u202e"), Labels: make([]byte, 16), SecCtx: []byte("ctx\u009b31m\n"),
		HelperInfo: []byte{1, 2, 255}, SeqAdjOrig: monitor.SeqAdj{Correction: 1000, OffsetBefore: -2, OffsetAfter: 5}}
	x.Labels[0], x.Labels[15] = 0x22, 0x80
	st.event(
		monitor.KindNew,
		9,
		live(f, monitor.TCPEstablished, 432000),
		timed|counted|monitor.AttrMark|monitor.AttrZone|monitor.AttrUse|
			monitor.AttrHelper|monitor.AttrLabels|monitor.AttrSecCtx|monitor.AttrHelperInfo|monitor.AttrSeqAdjOrig|
			monitor.AttrWScaleOrig|monitor.AttrWScaleReply|monitor.AttrTCPFlagsOrig|monitor.AttrTCPFlagsReply,
		x,
	)
	data := flowOf(monitor.TCP, "203.0.113.9:20", "203.0.113.1:40002", "203.0.113.9:20", "192.168.77.9:40002",
		dstNAT|assured|monitor.Expected, monitor.PathForward)
	st.event(
		monitor.KindNew,
		8,
		live(data, monitor.TCPEstablished, 432000),
		timed|monitor.AttrMaster,
		&monitor.Extra{Master: f.Orig},
	)
	st.commit()
}

// clients adds n flows of many clients.
func (st *stage) clients(n int) {
	for i := range n {
		from := fmt.Sprintf("10.%d.%d.%d:%d", i>>12&255, i>>6&63, i&63, 1024+i%60000)
		as := fmt.Sprintf("203.0.113.1:%d", 1024+i%60000)
		to := fmt.Sprintf("203.0.113.%d:443", 9+i%7)
		f := flowOf(monitor.TCP, from, to, as, to, srcNAT|assured, monitor.PathForward)
		st.event(monitor.KindNew, 100-float64(i)/float64(n)*99, live(f, monitor.TCPEstablished, 432000), timed, nil)
		if len(st.batch.Events) == monitor.BatchSize {
			st.table.Apply(&st.batch)
			_ = st.tail.Write(&st.batch)
			st.batch.Reset()
		}
	}
	st.commit()
}
