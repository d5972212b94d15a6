//go:build !nometrics

package metrics

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Included reports whether this build has metrics.
const Included = true

// connections is the maximum number of connections at once. Further ones wait.
const connections = 32

// Serve answers requests on l with the metrics of m, in a goroutine. stop closes l, waits up to
// two seconds for running scrapes, and then ends them.
func Serve(l net.Listener, m *Metrics) (stop func()) {
	s := &http.Server{ // a scraper sends a short request and reads the answer at once
		Handler: m.Handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // do not log clients that disconnect
	}
	// Ignore the error: net/http retries accept(2), so Serve returns only after stop.
	go s.Serve(netutil.LimitListener(l, connections))
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
}
