package monitor

// Expect is an expectation (struct nf_conntrack_expect): a flow that a helper expects because
// of what it read in the payload of another flow, the master.
type Expect struct {
	Kind       Kind // New, Destroy or Existing
	PortID     uint32
	Time       Time
	TimeSource TimeSource
	Has        ExpectAttrs

	Tuple  Tuple // the expected flow; bits that Mask does not have are not compared
	Mask   Tuple // bits of Tuple to compare; all ones: the whole address or port
	Master Tuple // original tuple of the master
	NAT    Tuple // source of the expected flow before NAT; its destination is empty

	Timeout uint32 // seconds until the kernel removes it
	ID      uint32
	Flags   ExpectFlags
	Class   uint32 // the helper's own
	NATDir  uint32 // direction that NAT rewrites
	Zone    uint16
	Helper  string // untrusted text
	Func    string // untrusted text: the kernel function that runs when the flow comes
}

// ExpectAttrs says which attributes of an expectation are known.
type ExpectAttrs uint16

// The attributes, by the field that they fill.
const (
	ExpectTimeout ExpectAttrs = 1 << iota
	ExpectID
	ExpectClass
	ExpectZone
	ExpectHelper
	ExpectFunc
	ExpectNAT // NAT and NATDir
)

// ExpectFlags are the bits NF_CT_EXPECT_*.
type ExpectFlags uint32

// The bits.
const (
	ExpectPermanent ExpectFlags = 1 << iota // it stays after a flow has matched it
	ExpectInactive                          // not active yet
	ExpectUserspace                         // made by a program
)

// Names returns the names of the bits that are set.
func (f ExpectFlags) Names() []string {
	return bitNames(uint32(f), []string{"permanent", "inactive", "userspace"})
}
