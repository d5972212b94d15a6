//go:build linux

// Package why is the command that waits for a packet to a published address, and prints why it is not answered.
package why

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	cmdtrace "natlens/cmd/natlens/trace"
	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
	"natlens/monitor/trace"
	"natlens/monitor/why"
)

type options struct {
	con      cli.Console
	capture  cli.CaptureFlags
	to       netip.AddrPort
	from     netip.Addr
	protocol string
	proto    monitor.Proto
	format   string
	rate     string
	duration time.Duration
	send     bool
	started  func() // called when the wait for the packet begins; may be nil
}

// inLab is the command with --send. nil: this build has no lab.
var inLab func(*options, context.Context) error

// New returns the command why.
func New(con cli.Console) *cobra.Command {
	o := options{con: con}
	cmd := &cobra.Command{
		Use:   "why ADDRESS[:PORT] [from ADDRESS]",
		Short: "Say why packets to a published address are not answered: why a port forward does not work",
		Long: `Wait for a packet to an address, trace it and its answer through this host, and say in one sentence what
happens: which rule drops it, where NAT sends it and who does not answer there, or that it works. The evidence and the
command that fixes it follow. Run it on the gateway, and then connect from outside.

why changes no rule and sends no packet. To mark packets it adds a table of its own to nf_tables, as natlens trace
does; the kernel removes the table when natlens ends.

With --send it builds the gateway of natlens lab instead, which
needs no root, and a host of the lab sends the packet: the server, or the host that has the address after from. The
lab is gone when natlens ends, so the command that fixes it is the one for a real gateway.

The exit code is 0 if it works, 1 if it does not work or if no packet came, 2 for wrong usage.`,
		Example: `  natlens why 203.0.113.1:8080
  natlens why 203.0.113.1:8080 from 198.51.100.7
  natlens why --send 203.0.113.1:8080 from 192.168.77.2
  natlens why -p udp --for 2m -o json 203.0.113.1:51820`,
		Args: func(_ *cobra.Command, words []string) error { return o.read(words) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.send {
				return inLab(&o, cmd.Context())
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.protocol, "proto", "p", "tcp", "`protocol`: tcp, udp or sctp")
	f.DurationVar(&o.duration, "for", 30*time.Second, "wait at most this `time` for a packet, such as 10s or 5m")
	f.StringVar(&o.rate, "rate", "10/s", "trace at most `N/unit` packets, such as 10/s, 100/m or 1/h")
	if inLab != nil {
		f.BoolVar(&o.send, "send", false, "build the gateway of natlens lab, and send the packet there")
	}
	f.StringVarP(&o.format, "output-format", "o", "pretty", "`format`: pretty or json")
	cli.InGroup(f, cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "proto", cli.OneOf("tcp", "udp", "sctp"))
	cli.MustComplete(cmd, "output-format", cli.OneOf("pretty", "json"))
	o.capture.RegisterNetNS(cmd)
	return cmd
}

// read parses ADDRESS[:PORT] [from ADDRESS] into to and from. Its errors are usage errors.
func (o *options) read(words []string) (err error) {
	if len(words) != 1 && len(words) != 3 || len(words) == 3 && words[1] != "from" {
		return cli.Usagef("why needs an address such as 203.0.113.1:8080; from and the sender's address may follow")
	}
	if o.to, err = netip.ParseAddrPort(words[0]); err != nil {
		addr, err := netip.ParseAddr(strings.Trim(words[0], "[]"))
		if err != nil {
			return cli.Usagef("%q: must be an address, or address:port, such as 203.0.113.1:8080", words[0])
		}
		o.to = netip.AddrPortFrom(addr, 0)
	}
	if len(words) == 3 {
		if o.from, err = netip.ParseAddr(words[2]); err != nil || o.from.Is4() != o.to.Addr().Is4() {
			return cli.Usagef("from %q: must be an address of the same family as %s", words[2], o.to.Addr())
		}
	}
	return nil
}

// check checks the flags and sets proto. Its errors are usage errors.
func (o *options) check() error {
	o.proto = map[string]monitor.Proto{"tcp": monitor.TCP, "udp": monitor.UDP, "sctp": monitor.SCTP}[o.protocol]
	switch {
	case o.proto == 0:
		return cli.Usagef("-p %s: must be tcp, udp or sctp", o.protocol)
	case o.duration <= 0:
		return cli.Usagef("--for %s: must be longer than 0", o.duration)
	case o.send && (o.capture.Netns != "" || o.to.Port() == 0):
		return cli.Usagef("--send needs a port, and makes its own namespaces: not together with --netns")
	case o.format != "pretty" && o.format != "json":
		return cli.Usagef("-o %s: must be pretty or json", o.format)
	}
	return nil
}

func (o *options) run(ctx context.Context) error {
	rate, err := cmdtrace.ParseRate(o.rate)
	if err != nil {
		return err
	}
	expr, err := filter.Parse(o.filter())
	if err != nil {
		return err
	}
	cfg := trace.Config{Wanted: expr, Rate: rate, Answers: true}
	return cmdtrace.Packets(o.con, "why", &o.capture, cfg, func(t *trace.Tracer, flows *kernel.Service, ns int) error {
		v, err := o.decide(ctx, &watcher{ns: ns, tracer: t, flows: flows, wanted: o.filter()})
		if err != nil {
			return err
		}
		if t.Lost > 0 {
			fmt.Fprintf(o.con.Stderr, "natlens: messages were lost %d times: answers may be missing\n", t.Lost)
		}
		if _, err := o.con.Stdout.Write(o.text(&v)); err != nil {
			return err
		}
		if v.Name != why.Works {
			return cli.ErrSilent
		}
		return nil
	})
}

// decide waits for the packet and its answer, and returns the verdict.
func (o *options) decide(ctx context.Context, w *watcher) (v why.Verdict, err error) {
	places := probe.Places{Sudo: cli.Sudo()}
	w.facts = why.Facts{Proto: o.proto, To: o.to, From: o.from, Place: places.At(o.capture.Netns)}
	if o.send {
		w.facts.Place = places.Here() // the lab is gone when the command is read
	}
	if w.facts.Locals, err = netns.Locals(w.ns); err != nil {
		return v, err
	}
	if w.before, err = w.counters(ctx); err != nil {
		return v, err
	}
	fmt.Fprintf(o.con.Stderr, "natlens: why: waiting up to %s for a packet %s\n", o.duration, w.wanted)
	if o.started != nil {
		o.started()
	}
	if err := w.watch(ctx, o.duration); err != nil {
		return v, err
	}
	v = why.Decide(&w.facts)
	if o.send && v.Remedy != "" && !strings.HasPrefix(v.Remedy, "on ") {
		v.Remedy = "on a real gateway: " + v.Remedy
	}
	return v, nil
}

// filter returns the filter, in the filter language, that selects the packets to wait for.
func (o *options) filter() string {
	text := fmt.Sprintf("%s dst %s", o.proto, o.to.Addr())
	if o.to.Port() != 0 {
		text += fmt.Sprint(" dport ", o.to.Port())
	}
	if o.from.IsValid() {
		text += " src " + o.from.String()
	}
	return text
}

// text returns the verdict in the format of -o: pretty or json.
func (o *options) text(v *why.Verdict) []byte {
	if o.format == "json" {
		return jsonText(v)
	}
	b := line(nil, "%s", v.Sentence)
	if v.Remedy != "" {
		b = line(b, "→ %s", v.Remedy)
	}
	for _, e := range v.Evidence {
		b = line(b, "  %s", e)
	}
	if o.con.ASCII() {
		b = text.ASCII(b)
	}
	return b
}

// line appends a line. It escapes what is not printable, because the text of rules may contain
// any bytes.
func line(b []byte, format string, args ...any) []byte {
	return append(monitor.AppendMessage(b, fmt.Appendf(nil, format, args...)), '\n')
}

// jsonText returns the verdict as the JSON object that docs/why.md describes.
func jsonText(v *why.Verdict) []byte {
	out := struct {
		V int `json:"v"`
		*why.Verdict
	}{1, v}
	return monitor.JSONLine(out)
}
