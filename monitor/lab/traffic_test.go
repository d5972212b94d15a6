//go:build linux

package lab_test

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestRun waits until the gateway has seen each kind of the mix.
func TestRun(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, lab.Traffic{Rate: 50, Seed: 1}) }()
	t.Cleanup(func() { cancel() })

	missing := []*regexp.Regexp{
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.9:443 .* snat$`),
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.9:80 .* snat$`),
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.9:22 .* snat$`),
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.9:21 .* snat helper=ftp$`),
		regexp.MustCompile(`^6 .* master=192\.168\.77\.\d:\d+ > 203\.0\.113\.9:21$`),
		regexp.MustCompile(`^6 203\.0\.113\.9:\d+ > 203\.0\.113\.1:8080 .* dnat$`),
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.9:8081 \| 192\.168\.77\.1:9091 .* dnat$`),
		regexp.MustCompile(`^6 127\.0\.0\.1:\d+ > 127\.0\.0\.1:8081 \| 127\.0\.0\.1:9091 .* dnat$`),
		regexp.MustCompile(`^6 192\.168\.77\.\d:\d+ > 203\.0\.113\.66:443 .* snat unreplied$`),
		regexp.MustCompile(`^6 192\.168\.77\.2:4444 > 203\.0\.113\.9:443 `),
		regexp.MustCompile(`^6 192\.168\.77\.3:4444 > 203\.0\.113\.9:443 `),
		regexp.MustCompile(`^17 .* > 203\.0\.113\.9:53 .* snat$`),
		regexp.MustCompile(`^17 .* > 203\.0\.113\.66:123 .* snat unreplied$`),
		regexp.MustCompile(`^1 .* > 203\.0\.113\.9 type 8 id \d+ .* snat$`),
		regexp.MustCompile(`^132 .* snat$`),
		regexp.MustCompile(`^136 .* snat$`),
		regexp.MustCompile(`^47 .* snat$`),
		regexp.MustCompile(`^253 .* snat$`),
	}
	if l.IPv6 {
		missing = append(missing,
			regexp.MustCompile(`^6 \[2001:db8:77::\d\]:\d+ > \[2001:db8:cb::9\]:443 `),
			regexp.MustCompile(`^17 \[2001:db8:77::\d\]:\d+ > \[2001:db8:cb::9\]:53 `),
			regexp.MustCompile(`^58 2001:db8:77::\d > 2001:db8:cb::9 type 128 `))
	}
	deadline := time.Now().Add(20 * time.Second)
	for len(missing) > 0 && time.Now().Before(deadline) {
		seen := flows(t, l)
		missing = slices.DeleteFunc(
			missing,
			func(r *regexp.Regexp) bool { return slices.ContainsFunc(seen, r.MatchString) },
		)
		time.Sleep(5 * time.Millisecond)
	}
	for _, r := range missing {
		t.Errorf("no flow like %s", r)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
