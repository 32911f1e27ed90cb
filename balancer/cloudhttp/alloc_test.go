package cloudhttp

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// TestAllocRoundTrip bounds what a call allocates beyond what the base does by
// itself: 6 times, with a tier's deadline 12 times.
func TestAllocRoundTrip(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	bare := callAllocs(t, answering(&http.Transport{}), "http://10.1.0.11/v1/route")
	for _, test := range []struct {
		name    string
		timeout time.Duration
		most    float64
	}{
		{"without a deadline", 0, 6},
		{"with a deadline", time.Second, 12},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config([]string{"http://10.1.0.11"}, []string{"http://10.2.0.11"})
			cfg.Tiers = []sla.Tier{{Name: "critical", Timeout: test.timeout}}
			e := newEnv(t, cfg, WithBase(func(_ string, base *http.Transport) http.RoundTripper {
				return answering(base)
			}))
			over := callAllocs(t, e.transport, "http://routing-api/v1/route") - bare
			t.Logf("%g allocations over %g", over, bare)
			if over > test.most {
				t.Errorf("%g allocations over %g, may be %g", over, bare, test.most)
			}
		})
	}
}

// callAllocs returns what a call with usual headers allocates.
func callAllocs(t *testing.T, transport http.RoundTripper, url string) float64 {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	call := func() {
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	// Attempts have a time of their own, which costs something, once latencies
	// are known.
	for began := time.Now(); time.Since(began) < 1200*time.Millisecond; {
		call()
	}
	return testing.AllocsPerRun(1000, call)
}

// answering makes a transport answer every request out of memory.
func answering(base *http.Transport) *http.Transport {
	base.RegisterProtocol("http", roundTrip(func(*http.Request) (*http.Response, error) {
		return response(http.StatusOK, "a route"), nil
	}))
	return base
}
