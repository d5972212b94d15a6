package ctnetlink

import "errors"

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
