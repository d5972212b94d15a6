package ctnetlink

import (
	"errors"
	"fmt"
)

var (
	// ErrNotConntrack: the message is sound but tells of no flow. It belongs to
	// another subsystem (expectations among them), is a request or an answer of
	// another type (statistics), or is one of netlink's own: NLMSG_NOOP,
	// NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN. The caller decides what that means.
	ErrNotConntrack = errors.New("not a message about a tracked flow")

	// ErrTruncated: fewer bytes than the message's own header says.
	ErrTruncated = errors.New("message is cut short")

	// ErrMalformed: an attribute has a length or a size that it can't have, or a
	// tuple does not say what it must.
	ErrMalformed = errors.New("malformed attribute")
)

// wrongSize says which attribute of which nest has a size that it can't have.
func wrongSize(op string, typ uint16, size int) error {
	return fmt.Errorf("decode %s: attribute %d of %d bytes: %w", op, typ, size, ErrMalformed)
}

// badLength says that the attribute that starts rest bytes before the end of the
// nest has a length that leads out of it.
func badLength(op string, rest int) error {
	return fmt.Errorf("decode %s: length of the attribute %d bytes before its end: %w", op, rest, ErrMalformed)
}
