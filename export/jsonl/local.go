package jsonl

import (
	"encoding/json"

	"natlens/monitor"
)

// AppendLocal appends an object with the member local, which is the process or container
// of a flow.
func AppendLocal(b []byte, l *monitor.Local) []byte {
	b, object := openObject(b, "")
	return object.close(local(b, l))
}

// DecodeLocal reads what AppendLocal writes.
func DecodeLocal(data []byte) (*monitor.Local, error) {
	var l struct {
		Local *monitor.Local `json:"local"`
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, memberError(err)
	}
	return l.Local, nil
}

func local(b []byte, l *monitor.Local) []byte {
	b, members := openObject(b, `,"local":`)
	b = textIf(b, `,"process":`, l.Process)
	b = numIf(b, l.PID != 0, `,"pid":`, uint64(l.PID))
	b = numIf(b, l.User != "", `,"uid":`, uint64(l.UID))
	b = textIf(b, `,"user":`, l.User)
	b = textIf(b, `,"container":`, l.Container)
	b = textIf(b, `,"pod":`, l.Pod)
	return members.close(word(b, `,"match":"`, l.Match.String()))
}

// places appends the places of a flow's ends, if one is known.
func places(b []byte, src, dst *monitor.Place) []byte {
	if *src == (monitor.Place{}) && *dst == (monitor.Place{}) {
		return b
	}
	b, members := openObject(b, `,"place":`)
	return members.close(place(place(b, `,"src":`, src), `,"dst":`, dst))
}

func place(b []byte, name string, p *monitor.Place) []byte {
	if *p == (monitor.Place{}) {
		return b
	}
	b, members := openObject(b, name)
	b = textIf(b, `,"country":`, p.Country)
	b = textIf(b, `,"city":`, p.City)
	b = numIf(b, p.AS != 0, `,"as":`, uint64(p.AS))
	return members.close(textIf(b, `,"org":`, p.Org))
}

// textIf appends a text that is not empty.
func textIf(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, name...), []byte(text))
}
