package export_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/golden"
	"natlens/monitor/replay"
)

// A process or container is in JSON lines and in recordings, and is read from both.
func TestLocal(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for want, local := range map[string]*monitor.Local{
		`"local":{"process":"cu\u001brl","pid":4711,"uid":0,"user":"root","container":"web","pod":"shop/web-0","match":"exact"}`: {
			Process: "cu\x1brl", PID: 4711, User: "root", Container: "web", Pod: "shop/web-0", Match: monitor.MatchExact},
		`"local":{"uid":65534,"user":"65534","match":"listener"}`: {
			UID: 65534, User: "65534", Match: monitor.MatchListener},
		`"local":{"container":"web","match":"address"}`: {Container: "web", Match: monitor.MatchAddress},
	} {
		var d ctnetlink.Decoder
		var b monitor.Batch
		if err := d.Decode(kernelMessages(t)[0], &b); err != nil {
			t.Fatal(err)
		}
		b.Events[0].Local, b.Events[0].Raw = local, kernelMessages(t)[0]
		line := write(t, "jsonl", &b)
		if !bytes.HasSuffix(line, []byte(","+want+"}\n")) {
			t.Errorf("%s does not end with %s", line, want)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Error(err)
		}
		if got := write(t, "pretty", &b); !bytes.HasSuffix(got, []byte("  "+local.String()+"\n")) &&
			!bytes.HasSuffix(got, []byte("  "+monitor.Escape(local.String())+"\n")) {
			t.Errorf("%s does not end with %s", got, local)
		}
		for _, format := range []string{"jsonl", "pcapng"} {
			recorded := write(t, format, &b)
			src, err := replay.Bytes(export.Reading(replay.Config{}), "x", recorded).Open()
			if err != nil {
				t.Fatal(err)
			}
			var got *monitor.Local
			if err := monitor.Each(t.Context(), src, func(e *monitor.Event) { got = e.Local }); err != nil {
				t.Fatal(err)
			}
			if bad := src.Stats().First; bad != nil {
				t.Error(bad)
			}
			if diff := cmp.Diff(local, got); diff != "" {
				t.Errorf("%s: %s", format, diff)
			}
		}
	}
}

// A recording that says something else of a process is a fault of that line.
func TestLocalInvalid(t *testing.T) {
	for _, line := range []string{
		`{"v":1,"seq":1,"event":"new","local":{"pid":1}}`,
		`{"v":1,"seq":1,"event":"new","local":{"match":"sure"}}`,
		`{"v":1,"seq":1,"event":"new","local":{"match":"exact","pid":-1}}`,
		`{"v":1,"seq":1,"event":"new","local":{"match":"exact","process":[]}}`,
	} {
		src, err := replay.Bytes(export.Reading(replay.Config{}), "x", []byte(line+"\n")).Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := monitor.Each(t.Context(), src, func(*monitor.Event) {}); err != nil {
			t.Fatal(err)
		}
		golden.Words(t, line, src.Stats().First)
	}
}

func write(t *testing.T, format string, b *monitor.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	sink, err := export.New(format, &out, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The places of the source and the destination are at the end of the line, if they are known.
func TestPlace(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../docs/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var d ctnetlink.Decoder
	var b monitor.Batch
	if err := d.Decode(kernelMessages(t)[0], &b); err != nil {
		t.Fatal(err)
	}
	o := &b.Events[0].Flow.Orig
	berlin := &monitor.Place{Country: "DE", City: "Ber\x1blin", AS: 3320, Org: "Deutsche Telekom AG"}
	for _, c := range []struct {
		of           map[monitor.Addr]*monitor.Place
		json, pretty string
	}{
		{map[monitor.Addr]*monitor.Place{o.Src: berlin, o.Dst: {AS: 64500}},
			`,"place":{"src":{"country":"DE","city":"Ber\u001blin","as":3320,"org":"Deutsche Telekom AG"},"dst":{"as":64500}}}`,
			`  from Ber\x1blin, DE, AS3320 Deutsche Telekom AG  to AS64500`},
		{map[monitor.Addr]*monitor.Place{o.Dst: {Country: "US"}}, `,"place":{"dst":{"country":"US"}}}`, "  to US"},
		{nil, "}", ""},
	} {
		options := export.Options{Places: func(a monitor.Addr) *monitor.Place { return c.of[a] }}
		for format, want := range map[string]string{"jsonl": c.json, "pretty": c.pretty} {
			var out bytes.Buffer
			sink, err := export.New(format, &out, options)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(sink.Write(&b), sink.Close()); err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(out.Bytes(), []byte(want+"\n")) || c.of == nil && bytes.Contains(out.Bytes(), []byte("place")) {
				t.Errorf("%s does not end with %s", out.Bytes(), want)
			}
			if format != "jsonl" {
				continue
			}
			value, err := jsonschema.UnmarshalJSON(&out)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Error(err)
			}
		}
	}
}
