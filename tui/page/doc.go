// Package page is what the pages of the terminal UI share: the [Session], the [Table] that most
// pages are, text that scrolls ([Scroll]), questions in commands ([Asker]), and how a flow, its
// ends and its state are written.
//
// A page is a package of its own above this one and implements [Page]. It reads the session,
// brings its rows up to date in Pull, and draws what it has. Pages never import each other.
package page
