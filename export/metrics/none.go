//go:build nometrics

package metrics

import "net"

// Included reports whether this build has metrics.
const Included = false

// ServeRun does nothing.
func ServeRun(net.Listener, any, string) {}
