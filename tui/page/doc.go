// Package page is what the pages of the terminal UI share: the [Session], the cursor of a
// list ([Sight], [List]), questions in commands ([Puller]), and how a flow, its ends and
// its state are written.
//
// A page is a package of its own above this one and implements [Page]. It reads the
// session, asks in commands, takes the answers, and draws what it has. Pages never import
// each other.
package page
