package monitor

// Status is the bit set ct->status (enum ip_conntrack_status).
type Status uint32

// The bits of Status. SrcNAT and DstNAT are set if that rewrite changed the tuple. The Done
// bits only say that the packet passed the nat hooks.
const (
	Expected     Status = 1 << iota // a helper expected it: it has a master
	SeenReply                       // packets seen in both directions
	Assured                         // not evicted early when the table is full
	Confirmed                       // in the table
	SrcNAT                          // the source was rewritten
	DstNAT                          // the destination was rewritten
	SeqAdjust                       // TCP sequence numbers need adjusting
	SrcNATDone                      // went through the source nat hooks
	DstNATDone                      // went through the destination nat hooks
	Dying                           // removed from the table
	FixedTimeout                    // the timeout is not refreshed
	Template                        // a template of the CT target
	NATClash                        // lost a clash of parallel first packets
	Helper                          // a helper was attached by rule
	Offload                         // in a flow table
	HWOffload                       // in a hardware flow table
)

// statusNames are the words of conntrack(8) and libnetfilter_conntrack, in lower
// case, by bit number.
var statusNames = [...]string{
	"expected", "seen_reply", "assured", "confirmed", "src_nat", "dst_nat", "seq_adjust",
	"src_nat_done", "dst_nat_done", "dying", "fixed_timeout", "template", "nat_clash",
	"helper", "offload", "hw_offload",
}

// StatusNames returns the name of every bit, lowest first. The caller must not
// change it.
func StatusNames() []string { return statusNames[:] }

// StatusByName returns the bit of that name (any case).
func StatusByName(name string) (Status, bool) {
	i := byName(StatusNames(), name)
	return 1 << max(i, 0), i >= 0
}

// Has reports whether all the given bits are set.
func (s Status) Has(bits Status) bool { return s&bits == bits }

// Names returns the names of the bits that are set; bits without a name are
// left out (see [Status.Unnamed]).
func (s Status) Names() []string { return bitNames(uint32(s), StatusNames()) }

// Unnamed returns the bits that have no name.
func (s Status) Unnamed() Status { return s &^ (1<<len(statusNames) - 1) }
