package ctnetlink

import (
	"encoding/binary"

	"natlens/monitor"
)

// Op is the operation of a request: its subsystem in the upper byte and one of enum cntl_msg_types, or of enum
// ctnl_exp_msg_types.
type Op uint16

// The operations.
const (
	OpNew         Op = subsysConntrack<<8 + iota // IPCTNL_MSG_CT_NEW: create or change
	OpGet                                        // IPCTNL_MSG_CT_GET: one entry, or with FlagDump the table
	OpDelete                                     // IPCTNL_MSG_CT_DELETE: one entry, or without a tuple all
	OpGetZero                                    // IPCTNL_MSG_CT_GET_CTRZERO: as OpGet, and reset the counters
	OpStatsCPU                                   // IPCTNL_MSG_CT_GET_STATS_CPU
	OpStats                                      // IPCTNL_MSG_CT_GET_STATS
	OpDying                                      // IPCTNL_MSG_CT_GET_DYING
	OpUnconfirmed                                // IPCTNL_MSG_CT_GET_UNCONFIRMED
)

// The operations on expectations, as OpNew, OpGet, OpDelete and OpStatsCPU.
const (
	OpExpectNew Op = subsysExpect<<8 + iota
	OpExpectGet
	OpExpectDelete
	OpExpectStatsCPU
)

const (
	subsysConntrack = 1 // NFNL_SUBSYS_CTNETLINK
	subsysExpect    = 2 // NFNL_SUBSYS_CTNETLINK_EXP
)

// Flags of requests. All have NLM_F_REQUEST in addition.
const (
	FlagAck    = 0x004 // NLM_F_ACK: acknowledge success
	FlagExcl   = 0x200 // NLM_F_EXCL: OpNew fails if the entry exists
	FlagCreate = 0x400 // NLM_F_CREATE: OpNew creates a missing entry
	FlagDump   = 0x300 // NLM_F_DUMP
)

// Request builds messages to the kernel in one buffer, which is reused. Each message gets
// the next sequence number:
//
//	r.Reset()
//	r.Begin(OpDelete, FlagAck, monitor.IPv4)
//	r.Entry(&flow)
//	send(r.Bytes())
//
// The kernel handles the messages of one send in their order.
type Request struct {
	First, Last uint32 // sequence numbers of the messages

	buf []byte
	at  int // start of the last message
}

// Reset removes all messages.
func (r *Request) Reset() { r.buf, r.First = r.buf[:0], r.Last+1 }

// Bytes returns the messages. They are valid until Reset.
func (r *Request) Bytes() []byte {
	r.end()
	return r.buf
}

// Begin starts a message: nlmsghdr and nfgenmsg. The family 0 means all families.
func (r *Request) Begin(op Op, flags uint16, family monitor.Family) {
	r.end()
	r.Last++
	r.at = len(r.buf)
	b := append(r.buf, 0, 0, 0, 0) // the length, which end sets
	b = binary.NativeEndian.AppendUint16(b, uint16(op))
	b = binary.NativeEndian.AppendUint16(b, flagRequest|flags)
	b = binary.NativeEndian.AppendUint32(b, r.Last)
	b = append(b, 0, 0, 0, 0) // nlmsg_pid: the kernel sets it
	r.buf = append(b, byte(family), 0 /* NFNETLINK_V0 */, 0, 0)
}

func (r *Request) end() {
	if len(r.buf) > 0 {
		binary.NativeEndian.PutUint32(r.buf[r.at:], uint32(len(r.buf)-r.at))
	}
}

// open begins a nested attribute, close ends it.
func (r *Request) open(typ uint16) (at int) {
	at = len(r.buf)
	b := append(r.buf, 0, 0)
	r.buf = binary.NativeEndian.AppendUint16(b, typ|nested)
	return at
}

func (r *Request) close(at int) {
	binary.NativeEndian.PutUint16(r.buf[at:], uint16(len(r.buf)-at))
}

// bytes appends an attribute, padded to four bytes.
func (r *Request) bytes(typ uint16, v []byte) {
	b := binary.NativeEndian.AppendUint16(r.buf, uint16(attrHeader+len(v)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), v...)
	for len(b)&3 != 0 {
		b = append(b, 0)
	}
	r.buf = b
}

func (r *Request) u8(typ uint16, v uint8)    { r.bytes(typ, []byte{v}) }
func (r *Request) be16(typ uint16, v uint16) { r.bytes(typ, []byte{byte(v >> 8), byte(v)}) }

func (r *Request) be32(typ uint16, v uint32) {
	r.bytes(typ, binary.BigEndian.AppendUint32(make([]byte, 0, 4), v))
}

func (r *Request) native32(typ uint16, v uint32) {
	r.bytes(typ, binary.NativeEndian.AppendUint32(make([]byte, 0, 4), v))
}
