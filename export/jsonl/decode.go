package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"

	"natlens/export/text"
	"natlens/monitor"
)

// version is the version of docs/json.md that can be read.
const version = 1

// VersionError means that a recording has a later version of the format, in which
// members may mean something else.
type VersionError struct{ Version uint64 }

func (e VersionError) Error() string {
	return fmt.Sprintf("version %d of the lines, and this program knows version %d: a newer natlens wrote them",
		e.Version, version)
}

// errFinding means that a line is a finding. Readers skip it: findings of a recording are
// computed from its events.
var errFinding = errors.New("a finding")

// maxName bounds the name of a network namespace, in bytes.
const maxName = 4096

// Decoder turns JSON lines into events. The zero value is ready; it keeps no names of
// namespaces.
type Decoder struct {
	names *monitor.Namespaces
	line  line
	extra monitor.Extra
}

// Decode appends the event of one line to b. On an error it appends nothing.
func (d *Decoder) Decode(data []byte, b *monitor.Batch) error {
	d.line, d.extra = line{}, monitor.Extra{}
	l := &d.line
	err := json.Unmarshal(data, l)
	switch {
	case isSyntax(err):
		return syntaxError(err)
	case l.V == nil && err == nil:
		return errors.New("no version (v)")
	case l.V != nil && *l.V != version:
		return VersionError{*l.V}
	case l.Event == "finding":
		return errFinding
	case err != nil:
		return memberError(err)
	}
	c := converter{line: l, e: b.Add(), x: &d.extra}
	c.event()
	if c.err == nil && l.NetNS != "" && d.names != nil {
		c.netns(d.names)
	}
	if c.err != nil {
		b.Drop()
		return c.err
	}
	if c.known&monitor.AttrsInExtra != 0 {
		c.e.Extra = b.NewExtra()
		*c.e.Extra = d.extra
	}
	return nil
}

// converter makes an event of a line. The first error stays.
type converter struct {
	*line
	e     *monitor.Event
	x     *monitor.Extra
	known monitor.Attrs
	err   error
}

func (c *converter) event() {
	e := c.e
	if e.Kind = KindNamed(c.Event); e.Kind == monitor.KindNone {
		c.fail("event", c.Event, "not an event")
		return
	}
	e.Seq, e.Time = c.Seq, c.time("ts", c.TS)
	if !e.Kind.HasFlow() {
		if e.Time != 0 {
			e.TimeSource = monitor.TimeReceived
		}
		e.Gap = &monitor.Gap{Count: c.Count, From: c.time("from", c.From), To: c.time("to", c.To),
			Uncertain: c.Uncertain,
			Added:     c.Added, Changed: c.Changed, Ended: c.Ended}
		return
	}
	if e.TimeSource = TimeSourceNamed(c.TSSource); e.TimeSource == monitor.TimeKernel {
		c.known |= monitor.AttrEventTime
	}
	e.Inferred, e.Gen, e.Born, e.PortID = c.Inferred, c.Flow, c.time("born", c.Born), c.PortID
	if c.Reason == monitor.ReasonNetNSEnd.String() {
		e.Reason = monitor.ReasonNetNSEnd
	}
	c.flow(&e.Flow)
	c.tcp(&e.Flow.TCP)
	c.texts()
	c.numbers()
	var recalled monitor.Attrs
	for _, name := range c.Remembered {
		recalled |= text.AttrNamed(name)
	}
	e.Remembered = recalled & c.known
	e.Has = c.known &^ recalled
}

// netns gives the event the number of its network namespace.
func (c *converter) netns(names *monitor.Namespaces) {
	if len(c.NetNS) > maxName {
		c.tooLong("netns", len(c.NetNS), maxName)
		return
	}
	id, ok := names.Named(monitor.Namespace{Name: c.NetNS, Inode: c.Inode})
	if !ok {
		c.err = errors.New("netns: more than 65,535 network namespaces")
		return
	}
	c.e.SetNetNS(id)
}

// take copies a value that is present, and notes its attribute.
func take[T any](c *converter, to *T, from *T, attr monitor.Attrs) {
	if from != nil {
		*to = *from
		c.known |= attr
	}
}

func (c *converter) flow(f *monitor.Flow) {
	take(c, &f.ID, c.line.ID, monitor.AttrID)
	take(c, &f.Timeout, c.Timeout, monitor.AttrTimeout)
	take(c, &f.Mark, c.Mark, monitor.AttrMark)
	take(c, &f.Use, c.Use, monitor.AttrUse)
	f.Path = pathNamed(c.Path)
	c.tuples(f)
	if c.Status != nil {
		f.Status = c.status(*c.Status)
		c.known |= monitor.AttrStatus
	}
	if c.Start != "" {
		f.Start = c.time("start", c.Start)
		c.known |= monitor.AttrStart
	}
	if c.Stop != "" {
		f.Stop = c.time("stop", c.Stop)
		c.known |= monitor.AttrStop
	}
	if n := c.Counters.Orig; n != nil {
		f.CountersOrig = monitor.Counters(*n)
		c.known |= monitor.AttrCountersOrig
	}
	if n := c.Counters.Reply; n != nil {
		f.CountersReply = monitor.Counters(*n)
		c.known |= monitor.AttrCountersReply
	}
}

// tuples reads both directions, their zones, and the state, whose name depends on the
// protocol.
func (c *converter) tuples(f *monitor.Flow) {
	family, proto := familyNamed(c.Family), monitor.Proto(0)
	if c.ProtoNum != nil {
		proto = monitor.Proto(*c.ProtoNum)
	} else if c.Orig != nil || c.Reply != nil {
		c.err = errors.New("a tuple without its protocol (protonum)")
		return
	}
	take(c, &f.Zone, c.Zone, monitor.AttrZone)
	if c.Orig != nil {
		f.Orig = c.tuple("orig", c.Orig, family, proto)
		f.Orig.Zone = f.Zone
		c.known |= monitor.AttrOrig
	}
	if c.Reply != nil {
		f.Reply = c.tuple("reply", c.Reply, family, proto)
		f.Reply.Zone = f.Zone
		c.known |= monitor.AttrReply
	}
	take(c, &f.Orig.Zone, c.ZoneOrig, monitor.AttrZoneOrig)
	take(c, &f.Reply.Zone, c.ZoneReply, monitor.AttrZoneReply)
	if c.State != nil {
		var ok bool
		if f.State, ok = stateNamed(proto, *c.State); !ok {
			c.fail("state", *c.State, fmt.Sprintf("not a state of protocol %d", proto))
		}
		c.known |= monitor.AttrState
	}
}

// tuple reads one direction. Members that the protocol does not have are ignored.
func (c *converter) tuple(name string, t *tuple, family monitor.Family, proto monitor.Proto) monitor.Tuple {
	to := monitor.Tuple{Family: family, Proto: proto, Src: c.addr(name+".src", t.Src), Dst: c.addr(name+".dst", t.Dst)}
	switch {
	case proto.HasPorts():
		to.SrcPort, to.DstPort = t.SPort, t.DPort
	case proto == monitor.GRE:
		to.SrcPort, to.DstPort = t.SrcKey, t.DstKey
	case proto.IsICMP():
		to.SetICMP(t.ID, t.Type, t.Code)
	}
	return to
}

func (c *converter) tcp(t *monitor.TCPInfo) {
	if s := c.TCP.Orig; s != nil {
		take(c, &t.WScaleOrig, s.WScale, monitor.AttrWScaleOrig)
		take(c, &t.FlagsOrig, s.Flags, monitor.AttrTCPFlagsOrig)
		take(c, &t.MaskOrig, s.Mask, monitor.AttrTCPFlagsOrig)
	}
	if s := c.TCP.Reply; s != nil {
		take(c, &t.WScaleReply, s.WScale, monitor.AttrWScaleReply)
		take(c, &t.FlagsReply, s.Flags, monitor.AttrTCPFlagsReply)
		take(c, &t.MaskReply, s.Mask, monitor.AttrTCPFlagsReply)
	}
}
