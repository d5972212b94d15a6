package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"natlens/monitor"
)

// lineVersion is the version of docs/json.md that can be read.
const lineVersion = 1

// VersionError says that a recording was written in a later version of the
// format, in which members may mean something else.
type VersionError struct{ Version uint64 }

func (e VersionError) Error() string {
	return fmt.Sprintf("version %d of the lines, and this program knows version %d: a newer natlens wrote them", e.Version, lineVersion)
}

// errFinding says that a line tells of a finding: no event, and nothing wrong.
// Who wants findings of a recording has its events looked at anew.
var errFinding = errors.New("a finding")

// Decoder turns JSON lines into events. The zero value is ready. Members may
// stand in any order (other programs may have written the line anew), so what
// depends on others is put together at the end.
type Decoder struct {
	c     cursor
	known monitor.Attrs
	extra monitor.Extra
	gap   monitor.Gap

	names *monitor.Namespaces // nil: namespaces are not told apart
	netns monitor.Namespace

	version  uint64
	word     []byte // event
	source   []byte // ts_source
	family   []byte
	state    []byte
	proto    monitor.Proto
	hasProto bool
	recalled monitor.Attrs // remembered
	zones    struct{ both, orig, reply uint16 }
}

// Decode appends the event of one line to b, or returns an error and appends
// nothing. The event's Extra points into line.
func (d *Decoder) Decode(line []byte, b *monitor.Batch) error {
	*d = Decoder{c: cursor{b: line}, names: d.names}
	e := b.Add()
	for more := d.c.open('{'); more; more = d.c.more('}') {
		d.member(string(d.c.name()), e)
	}
	err := d.c.End()
	if err == nil {
		err = d.finish(e, b)
	}
	if err != nil {
		b.Drop()
	}
	return err
}

// member reads the value of one member: first those of every line.
func (d *Decoder) member(name string, e *monitor.Event) {
	c := &d.c
	switch name {
	case "v":
		d.version = c.uint(math.MaxUint64)
	case "ts":
		e.Time = c.time()
	case "ts_source":
		d.source = c.text()
	case "seq":
		e.Seq = c.uint(math.MaxUint64)
	case "event":
		d.word = c.text()
	case "inferred":
		e.Inferred = c.bool()
	case "flow":
		e.Gen = c.uint(math.MaxUint64)
	case "born":
		e.Born = c.time()
	case "portid":
		e.PortID = c.uint32()
	case "netns":
		d.netns.Name = string(c.text())
	case "inode":
		d.netns.Inode = c.uint(math.MaxUint64)
	case "reason":
		e.Reason = reasonNamed(c.text())
	case "path":
		e.Flow.Path = pathNamed(c.text())
	case "remembered":
		for more := c.open('['); more; more = c.more(']') {
			d.recalled |= attrNamed(c.text())
		}
	default:
		if !d.flowMember(name, &e.Flow) && !d.rareMember(name) && !d.gapMember(name) {
			c.skip()
		}
	}
}

// flowMember reads the members that stand in Flow.
func (d *Decoder) flowMember(name string, f *monitor.Flow) bool {
	c := &d.c
	switch name {
	case "id":
		f.ID = c.uint32()
		d.known |= monitor.AttrID
	case "family":
		d.family = c.text()
	case "protonum":
		d.proto, d.hasProto = monitor.Proto(c.uint8()), true
	case "state":
		d.state = c.text()
		d.known |= monitor.AttrState
	case "timeout":
		f.Timeout = c.uint32()
		d.known |= monitor.AttrTimeout
	case "orig":
		c.tuple(&f.Orig)
		d.known |= monitor.AttrOrig
	case "reply":
		c.tuple(&f.Reply)
		d.known |= monitor.AttrReply
	case "status":
		f.Status = c.status()
		d.known |= monitor.AttrStatus
	case "mark":
		f.Mark = c.uint32()
		d.known |= monitor.AttrMark
	case "zone":
		d.zones.both = c.uint16()
		d.known |= monitor.AttrZone
	case "zone_orig":
		d.zones.orig = c.uint16()
		d.known |= monitor.AttrZoneOrig
	case "zone_reply":
		d.zones.reply = c.uint16()
		d.known |= monitor.AttrZoneReply
	case "counters":
		d.counters(f)
	case "start":
		f.Start = c.time()
		d.known |= monitor.AttrStart
	case "stop":
		f.Stop = c.time()
		d.known |= monitor.AttrStop
	case "use":
		f.Use = c.uint32()
		d.known |= monitor.AttrUse
	case "tcp":
		d.tcp(&f.TCP)
	default:
		return false
	}
	return true
}

// gapMember reads the members of losses and resyncs.
func (d *Decoder) gapMember(name string) bool {
	c, g := &d.c, &d.gap
	switch name {
	case "count":
		g.Count = c.uint(math.MaxUint64)
	case "from":
		g.From = c.time()
	case "to":
		g.To = c.time()
	case "uncertain":
		g.Uncertain = c.bool()
	case "added":
		g.Added = c.uint(math.MaxUint64)
	case "changed":
		g.Changed = c.uint(math.MaxUint64)
	case "ended":
		g.Ended = c.uint(math.MaxUint64)
	default:
		return false
	}
	return true
}

// finish puts together what depends on several members.
func (d *Decoder) finish(e *monitor.Event, b *monitor.Batch) error {
	if d.version != lineVersion {
		if d.version == 0 {
			return errors.New("no version (v)")
		}
		return VersionError{d.version}
	}
	if string(d.word) == "finding" {
		return errFinding
	}
	if e.Kind = KindNamed(d.word); e.Kind == monitor.KindNone {
		return fmt.Errorf("unknown event %q", d.word)
	}
	if !e.Kind.HasFlow() {
		gap := d.gap
		*e = monitor.Event{Seq: e.Seq, Time: e.Time, Kind: e.Kind, Gap: &gap}
		if e.Time != 0 {
			e.TimeSource = monitor.TimeReceived
		}
		return d.namespace(e)
	}
	e.TimeSource = TimeSourceNamed(d.source)
	if e.TimeSource == monitor.TimeKernel {
		d.known |= monitor.AttrEventTime
	}
	if err := d.tuples(&e.Flow); err != nil {
		return err
	}
	e.Remembered = d.recalled & d.known
	e.Has = d.known &^ d.recalled
	if d.known&monitor.AttrsInExtra != 0 {
		x := b.NewExtra()
		*x = d.extra
		e.Extra = x
	}
	return d.namespace(e)
}

// namespace gives the event the number of its network namespace, if it names one.
func (d *Decoder) namespace(e *monitor.Event) error {
	if d.netns.Name == "" || d.names == nil {
		return nil
	}
	id, ok := d.names.Named(d.netns)
	if !ok {
		return errors.New("more network namespaces than can be numbered")
	}
	e.SetNetNS(id)
	return nil
}

// tuples gives both tuples their protocol and zones, and the state its number.
func (d *Decoder) tuples(f *monitor.Flow) error {
	if d.known&(monitor.AttrOrig|monitor.AttrReply) != 0 && !d.hasProto {
		return errors.New("a tuple without its protocol (protonum)")
	}
	if !d.proto.HasPorts() && !d.proto.IsICMP() && d.proto != monitor.GRE {
		// As the table of docs/json.md has it: there is nothing beside the addresses.
		f.Orig.SrcPort, f.Orig.DstPort, f.Reply.SrcPort, f.Reply.DstPort = 0, 0, 0, 0
	}
	family := familyNamed(d.family)
	if d.known&monitor.AttrOrig != 0 {
		f.Orig.Family, f.Orig.Proto, f.Orig.Zone = family, d.proto, d.zones.both
	}
	if d.known&monitor.AttrReply != 0 {
		f.Reply.Family, f.Reply.Proto, f.Reply.Zone = family, d.proto, d.zones.both
	}
	f.Zone = d.zones.both
	if d.known&monitor.AttrZoneOrig != 0 {
		f.Orig.Zone = d.zones.orig
	}
	if d.known&monitor.AttrZoneReply != 0 {
		f.Reply.Zone = d.zones.reply
	}
	if d.known&monitor.AttrState == 0 {
		return nil
	}
	state, ok := stateNamed(d.proto, d.state)
	if !ok {
		return fmt.Errorf("unknown state %q of protocol %d", d.state, d.proto)
	}
	f.State = state
	return nil
}

func stateNamed(p monitor.Proto, name []byte) (monitor.State, bool) {
	for i, known := range monitor.StateNames(p) {
		if len(known) == len(name) && bytes.EqualFold([]byte(known), name) {
			return monitor.State(i), true
		}
	}
	n := digits(name)
	return monitor.State(n), len(name) > 0 && within(n, 0, math.MaxUint8)
}

func KindNamed(name []byte) monitor.Kind {
	for k := monitor.KindNew; k <= monitor.KindNetNSEnd; k++ {
		if k.String() == string(name) {
			return k
		}
	}
	return monitor.KindNone
}

// TimeSourceNamed takes words that it does not know for an unknown clock.
func TimeSourceNamed(name []byte) monitor.TimeSource {
	for s := monitor.TimeKernel; s <= monitor.TimeReceived; s++ {
		if s.String() == string(name) {
			return s
		}
	}
	return monitor.TimeUnknown
}

// reasonNamed takes words that it does not know for no reason.
func reasonNamed(name []byte) monitor.Reason {
	if string(name) == monitor.ReasonNetNSEnd.String() {
		return monitor.ReasonNetNSEnd
	}
	return monitor.ReasonResync
}

func familyNamed(name []byte) monitor.Family {
	switch string(name) {
	case "ipv4":
		return monitor.IPv4
	case "ipv6":
		return monitor.IPv6
	}
	return 0
}

func pathNamed(name []byte) monitor.Path {
	for p := monitor.PathForward; p <= monitor.PathLoop; p++ {
		if p.String() == string(name) {
			return p
		}
	}
	return monitor.PathUnknown
}
