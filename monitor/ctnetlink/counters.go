package ctnetlink

import "natlens/monitor"

// counters reads CTA_COUNTERS_ORIG or _REPLY. The old 32-bit children are not
// sent since Linux 2.6.15 and count as unknown.
func (d *Decoder) counters(b []byte, c *monitor.Counters) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("counters", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaCountersPackets:
			c.Packets, err = be64("counters", typ, v)
		case ctaCountersBytes:
			c.Bytes, err = be64("counters", typ, v)
		case ctaCountersPad:
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// timestamp reads CTA_TIMESTAMP: when the flow was born, and when it ended.
func (d *Decoder) timestamp(b []byte, e *monitor.Event) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("timestamp", len(b))
		}
		b = rest
		var t uint64
		var err error
		switch typ {
		case ctaTimestampStart:
			t, err = be64("timestamp", typ, v)
			e.Flow.Start = monitor.Time(t)
			e.Has |= monitor.AttrStart
		case ctaTimestampStop:
			t, err = be64("timestamp", typ, v)
			e.Flow.Stop = monitor.Time(t)
			e.Has |= monitor.AttrStop
		case ctaTimestampPad:
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}
