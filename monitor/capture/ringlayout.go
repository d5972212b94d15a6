//go:build linux

package capture

import "github.com/cilium/ebpf/asm"

// A record of the ring is what is known of a message, and the message:
//
//	0       8       12      16                  16+n
//	┌───────┬───────┬───────┬────────────────────┬─ ─ ─ ─ ┐
//	│ stamp │ drops │ netns │ message, n bytes   │ unused
//	└───────┴───────┴───────┴────────────────────┴─ ─ ─ ─ ┘
//
// stamp is CLOCK_BOOTTIME, drops the low half of the drop counter of the namespace's
// program, and netns the number of the namespace. The message's own nlmsg_len is n: the
// kernel sends one message a datagram, and the program sets nlmsg_len to 0 if it is not
// the length of the datagram.
const (
	recordStamp   = 0
	recordDrops   = 8
	recordNetNS   = 12
	recordMessage = 16

	maxNetlink = 128 << 10 // twice what one attribute can hold; ctnetlink has one that is not of fixed size
)

// The value of the counters map. All CPUs read the first cache line for each event and
// write it hardly ever.
const (
	counterDrops   = 0  // events that did not fit
	counterLeft    = 64 // events that the filter did not want
	counterMapSize = 72
)

// Registers that keep their meaning through the program. R1 to R5 are arguments
// and scratch, R0 results.
const (
	regSkb    = asm.R6 // struct __sk_buff *, where the loads of a filter expect it
	regRecord = asm.R7 // the reserved record
	regLen    = asm.R8 // skb->len: bytes of the datagram
	regStamp  = asm.R9
)
