package ctnetlink

import "errors"

var (
	// ErrNotConntrack is returned for a valid message that is not about a flow: of
	// another subsystem (also expectations), a request, an answer of another type
	// (statistics), or NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE and NLMSG_OVERRUN.
	ErrNotConntrack = errors.New("not a message about a tracked flow")

	// ErrTruncated is returned for fewer bytes than the message's header states.
	ErrTruncated = errors.New("message is cut short")

	// ErrMalformed is returned for an attribute with an impossible length or size, or a
	// tuple without an address or a protocol.
	ErrMalformed = errors.New("malformed attribute")
)
