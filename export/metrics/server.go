//go:build !nometrics

package metrics

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Included reports whether this build has metrics.
const Included = true

// Server answers scrapes of Prometheus until Close.
type Server struct{ http http.Server }

// connections is the maximum number of connections at once. Further ones wait.
const connections = 32

// Serve answers requests on l with the metrics of m, in a goroutine that Close ends. Close also
// closes l.
func Serve(l net.Listener, m *Metrics) *Server {
	s := &Server{http.Server{ // a scraper sends a short request and reads the answer at once
		Handler: m.Handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // do not log clients that disconnect
	}}
	// Ignore the error: net/http retries accept(2), so Serve returns only after Close.
	go s.http.Serve(netutil.LimitListener(l, connections))
	return s
}

// Close stops listening, waits up to two seconds for running scrapes, and then ends them.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	return err
}
