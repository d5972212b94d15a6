package jsonl

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// version is the latest version of docs/json.md that can be read.
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

// maxName is the maximum length of the name of a network namespace, in bytes.
const maxName = 4096

// Decoder turns JSON lines into events. The zero value is ready to use; it has no names of
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
	_, syntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case syntax && err.Error() == "unexpected end of JSON input":
		return replay.ErrCut
	case syntax:
		return fmt.Errorf("not JSON: %w", err)
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
	if err = c.event(); err == nil && c.known&monitor.AttrsInExtra != 0 {
		c.e.Extra = b.NewExtra()
		*c.e.Extra = d.extra
	}
	if err == nil && (l.NetNS != "" || l.Gateway != "") && d.names != nil {
		err = c.netns(d.names) // after Extra, because a master has the namespace too
	}
	if err != nil {
		b.Drop()
	}
	return err
}

// memberError returns an error that names the member with a value of the wrong type, the value,
// and what is expected.
func memberError(err error) error {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return err
	case t.Field == "":
		return errors.New("not a JSON object")
	case t.Type == nil: // see not
		return fmt.Errorf("%s: %s", t.Field, t.Value)
	}
	return fmt.Errorf("%s: %s, want %s", strings.ToLower(t.Field), short(t.Value), wanted(t.Type))
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Int32:
		return "a whole number of 32 bits"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "an object"
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		return "a list"
	}
	return "a string"
}

// converter makes an event of a line.
type converter struct {
	*line
	e     *monitor.Event
	x     *monitor.Extra
	known monitor.Attrs
}

func (c *converter) event() error {
	e := c.e
	if e.Kind = KindNamed(c.Event); e.Kind == monitor.KindNone {
		return fmt.Errorf("event: %q is not an event", short(c.Event))
	}
	e.Seq, e.Time = c.Seq, monitor.Time(c.TS)
	if !e.Kind.HasFlow() {
		if e.Time != 0 {
			e.TimeSource = monitor.TimeReceived
		}
		e.Gap = &monitor.Gap{Count: c.Count, From: monitor.Time(c.From), To: monitor.Time(c.To), Uncertain: c.Uncertain,
			Added: c.Added, Changed: c.Changed, Ended: c.Ended}
		return nil
	}
	if e.TimeSource = TimeSourceNamed(c.TSSource); e.TimeSource == monitor.TimeKernel {
		c.known |= monitor.AttrEventTime
	}
	e.Inferred, e.Gen, e.Born, e.PortID = c.Inferred, c.Flow, monitor.Time(c.Born), c.PortID
	if c.Reason == monitor.ReasonNetNSEnd.String() {
		e.Reason = monitor.ReasonNetNSEnd
	}
	if err := c.tuples(&e.Flow); err != nil {
		return err
	}
	c.flow(&e.Flow)
	if err := c.extra(); err != nil {
		return err
	}
	e.Local = c.Local
	var recalled monitor.Attrs
	for _, name := range c.Remembered {
		recalled |= text.AttrNamed(name)
	}
	e.Remembered = recalled & c.known
	e.Has = c.known &^ recalled
	return nil
}

func (c *converter) netns(names *monitor.Namespaces) error {
	if err := limit("netns", len(c.NetNS), maxName); err != nil {
		return err
	}
	id, ok := names.Named(monitor.Namespace{Name: c.NetNS, Inode: c.Inode, Gateway: c.Gateway})
	if !ok {
		return errors.New("netns: more than 65,535 network namespaces")
	}
	c.e.SetNetNS(id)
	return nil
}

func limit(name string, n, most int) error {
	if n <= most {
		return nil
	}
	return fmt.Errorf("%s: %d bytes, at most %d are possible", name, n, most)
}

// take copies a value that is present, and adds its attribute.
func take[T any](c *converter, to *T, from *T, attr monitor.Attrs) {
	if from != nil {
		*to = *from
		c.known |= attr
	}
}

// tuples reads both directions, their zones, and the state, whose name depends on the
// protocol.
func (c *converter) tuples(f *monitor.Flow) error {
	var proto monitor.Proto
	if c.ProtoNum != nil {
		proto = *c.ProtoNum
	} else if c.Orig != nil || c.Reply != nil {
		return errors.New("a tuple without its protocol (protonum)")
	}
	take(c, &f.Zone, c.Zone, monitor.AttrZone)
	for _, side := range []struct {
		to   *monitor.Tuple
		from *tuple
		attr monitor.Attrs
	}{{&f.Orig, c.Orig, monitor.AttrOrig}, {&f.Reply, c.Reply, monitor.AttrReply}} {
		if side.from != nil {
			*side.to = side.from.tuple(c.Family, proto)
			side.to.Zone = f.Zone
			c.known |= side.attr
		}
	}
	take(c, &f.Orig.Zone, c.ZoneOrig, monitor.AttrZoneOrig)
	take(c, &f.Reply.Zone, c.ZoneReply, monitor.AttrZoneReply)
	if c.State == nil {
		return nil
	}
	c.known |= monitor.AttrState
	var ok bool
	if f.State, ok = monitor.StateByName(proto, *c.State); ok {
		return nil
	}
	n, err := strconv.ParseUint(*c.State, 10, 8) // a state without a name
	if f.State = monitor.State(n); err != nil {
		return fmt.Errorf("state: %q is not a state of protocol %d", short(*c.State), proto)
	}
	return nil
}

// tuple ignores members that the protocol does not have.
func (t *tuple) tuple(family string, proto monitor.Proto) monitor.Tuple {
	to := monitor.Tuple{Proto: proto, Src: monitor.Addr(t.Src), Dst: monitor.Addr(t.Dst)}
	switch family {
	case monitor.IPv4.String():
		to.Family = monitor.IPv4
	case monitor.IPv6.String():
		to.Family = monitor.IPv6
	}
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

func (c *converter) flow(f *monitor.Flow) {
	take(c, &f.ID, c.line.ID, monitor.AttrID)
	take(c, &f.Timeout, c.Timeout, monitor.AttrTimeout)
	take(c, &f.Mark, c.Mark, monitor.AttrMark)
	take(c, &f.Use, c.Use, monitor.AttrUse)
	take(c, &f.Start, (*monitor.Time)(c.Start), monitor.AttrStart)
	take(c, &f.Stop, (*monitor.Time)(c.Stop), monitor.AttrStop)
	take(c, &f.CountersOrig, c.Counters.Orig, monitor.AttrCountersOrig)
	take(c, &f.CountersReply, c.Counters.Reply, monitor.AttrCountersReply)
	f.Path = valueNamed(c.Path, monitor.PathLoop)
	if c.Status != nil {
		for _, bit := range *c.Status {
			f.Status |= monitor.Status(bit)
		}
		c.known |= monitor.AttrStatus
	}
	if s := c.TCP.Orig; s != nil {
		take(c, &f.TCP.WScaleOrig, s.WScale, monitor.AttrWScaleOrig)
		take(c, &f.TCP.FlagsOrig, s.Flags, monitor.AttrTCPFlagsOrig)
		take(c, &f.TCP.MaskOrig, s.Mask, monitor.AttrTCPFlagsOrig)
	}
	if s := c.TCP.Reply; s != nil {
		take(c, &f.TCP.WScaleReply, s.WScale, monitor.AttrWScaleReply)
		take(c, &f.TCP.FlagsReply, s.Flags, monitor.AttrTCPFlagsReply)
		take(c, &f.TCP.MaskReply, s.Mask, monitor.AttrTCPFlagsReply)
	}
}

func (c *converter) extra() error {
	x := c.x
	take(c, &x.Helper, (*[]byte)(c.Helper), monitor.AttrHelper)
	take(c, &x.HelperInfo, (*[]byte)(c.HelperInfo), monitor.AttrHelperInfo)
	take(c, &x.SecCtx, (*[]byte)(c.SecCtx), monitor.AttrSecCtx)
	if m := c.Master; m != nil {
		x.Master = m.tuple(m.Family, m.ProtoNum)
		c.known |= monitor.AttrMaster
	}
	take(c, &x.VTagOrig, c.SCTP.VTagOrig, monitor.AttrVTagOrig)
	take(c, &x.VTagReply, c.SCTP.VTagReply, monitor.AttrVTagReply)
	take(c, &x.DCCPSeq, c.DCCP.Seq, monitor.AttrDCCPSeq)
	if c.DCCP.Role != nil {
		x.DCCPRole = uint8(len(dccpRoles) - 1)
		if i := slices.Index(dccpRoles[:], *c.DCCP.Role); i >= 0 {
			x.DCCPRole = uint8(i)
		}
		c.known |= monitor.AttrDCCPRole
	}
	take(c, &x.SeqAdjOrig, c.SeqAdj.Orig, monitor.AttrSeqAdjOrig)
	take(c, &x.SeqAdjReply, c.SeqAdj.Reply, monitor.AttrSeqAdjReply)
	take(c, &x.Synproxy, c.Synproxy, monitor.AttrSynproxy)
	take(c, &x.SecMark, c.SecMark, monitor.AttrSecMark)
	take(c, &x.MarkMask, c.MarkMask, monitor.AttrMarkMask)
	take(c, &x.StatusMask, c.StatusMask, monitor.AttrStatusMask)
	return cmp.Or(c.bits("labels", &x.Labels, c.Labels, monitor.AttrLabels),
		c.bits("labels_mask", &x.LabelsMask, c.LabelsMask, monitor.AttrLabelsMask),
		limit("helper", len(x.Helper), monitor.MaxHelper), limit("helper_info", len(x.HelperInfo), monitor.MaxSecCtx),
		limit("secctx", len(x.SecCtx), monitor.MaxSecCtx))
}

func (c *converter) bits(name string, set *[]byte, bits *[]uint16, attr monitor.Attrs) error {
	if bits == nil {
		return nil
	}
	*set = make([]byte, monitor.MaxLabels)
	c.known |= attr
	for _, bit := range *bits {
		if most := 8*len(*set) - 1; int(bit) > most {
			return fmt.Errorf("%s: number %d, want a whole number from 0 to %d", name, bit, most)
		}
		(*set)[bit/8] |= 1 << (bit % 8)
	}
	return nil
}

// KindNamed returns [monitor.KindNone] for a word that is not an event.
func KindNamed(name string) monitor.Kind { return valueNamed(name, monitor.KindNetNSEnd) }

// TimeSourceNamed returns [monitor.TimeUnknown] for other words.
func TimeSourceNamed(name string) monitor.TimeSource { return valueNamed(name, monitor.TimeReceived) }
