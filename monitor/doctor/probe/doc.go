// Package probe reads from the running kernel what the checks of package doctor need: the
// settings, the rules that turn connection tracking on, the counters, how full the table is,
// and how a command reaches a network namespace.
//
// Every function takes a network namespace as an open file descriptor; 0 is the caller's own.
// Nothing stays open between two calls.
package probe
