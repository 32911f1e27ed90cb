package cloudgrpc_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// overHops runs a test on a way over loopback, and on one in memory where time is
// virtual.
func overHops(t *testing.T, test func(*testing.T, *way)) {
	t.Run("loopback", func(t *testing.T) { test(t, newWay(t, true)) })
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newWay(t, false)) })
	})
}

// deadline is what the program at the edge gives its calls.
const deadline = 200 * time.Millisecond

// call makes a call of tier batch and level 99 from the edge, and returns when its
// time is over.
func (w *way) call(ctx context.Context) (until time.Time, err error) {
	ctx, cancel := context.WithTimeout(sla.WithLevel(sla.WithTier(ctx, "batch"), 99), deadline)
	defer cancel()
	until, _ = ctx.Deadline()
	return until, get(ctx, w.client, "http://next/", nil)
}

// warm makes a call without a deadline, for which connections are made.
func (w *way) warm() {
	w.t.Helper()
	if err := get(context.Background(), w.client, "http://next/", nil); err != nil {
		w.t.Fatal(err)
	}
	w.take()
}

// TestClassAndTimeTravel from the edge to the last server: each has what the one
// before had left, less the way back of answers over HTTP.
func TestClassAndTimeTravel(t *testing.T) {
	const back, rounded = 5 * time.Millisecond, time.Millisecond
	overHops(t, func(t *testing.T, w *way) {
		w.warm()
		var until time.Time
		err := errors.New("no call")
		for tries := 0; err != nil && tries < 50; tries++ { // a busy machine may take longer than the call has
			w.take()
			until, err = w.call(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := w.take()
		had := deadline // by the one before
		for i, v := range seen {
			if v.calls != 1 || v.tier != "batch" || v.level != 99 || !slices.Equal(v.attempt, []string{"1"}) {
				t.Errorf("server %d: %+v", i+1, v)
			}
			// What a call spends on the wire is missing from what is left, but not
			// from the deadline.
			most := had - back
			if i == 1 {
				most = had + time.Microsecond // gRPC rounds up
			}
			if v.left > most {
				t.Errorf("server %d: %v left, the one before had %v", i+1, v.left, had)
			}
			had = v.passedOn
		}
		if early := until.Sub(seen[2].deadline); early > 2*(back+rounded) {
			t.Errorf("the last server's deadline is %v before that of the edge", early)
		}
	})
}

// TestTimeThatPassesIsGone, to the millisecond.
func TestTimeThatPassesIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWay(t, false)
		w.warm()
		w.spend = [3]time.Duration{30 * time.Millisecond, 50 * time.Millisecond}
		if _, err := w.call(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{195 * time.Millisecond, 165 * time.Millisecond, 110 * time.Millisecond} {
			if got := w.visits[i].left; got != want {
				t.Errorf("server %d: %v left, want %v", i+1, got, want)
			}
		}
	})
}

// TestExpiredWorkIsDropped at each server at which a call waits for longer than
// anybody waits for it, before the handler sees it.
func TestExpiredWorkIsDropped(t *testing.T) {
	overHops(t, func(t *testing.T, w *way) {
		for i := range w.queue {
			w.warm()
			dropped := make(chan struct{})
			w.queue[i] = func(ctx context.Context, serve func()) {
				<-ctx.Done()
				serve()
				close(dropped)
			}
			if _, err := w.call(t.Context()); !isLate(err) {
				t.Errorf("server %d is busy: %v", i+1, err)
			}
			<-dropped
			w.queue[i] = nil
			for k, v := range w.take() {
				if k >= i && v.calls > 0 {
					t.Errorf("server %d is busy, and %d has handled the call", i+1, k+1)
				}
			}
		}
	})
}

// isLate reports whether the caller's time was over, or a server says so of its own,
// which is over a moment before.
func isLate(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "deadline")
}

// TestTooLateEndsWhereItIs: a server doesn't call the next one when there is no time
// for an answer.
func TestTooLateEndsWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, spent := range []time.Duration{195 * time.Millisecond, 194 * time.Millisecond} {
			w := newWay(t, false)
			w.warm()
			w.spend[i] = spent
			if _, err := w.call(t.Context()); err == nil {
				t.Errorf("server %d: no error", i+1)
			}
			synctest.Wait()
			if seen := w.take(); seen[i].calls != 1 || seen[i+1].calls != 0 {
				t.Errorf("server %d was called %d times, the next one %d times", i+1, seen[i].calls, seen[i+1].calls)
			}
		}
	})
}

// TestLoadComesBack from each server to the router of the one before: one call of
// ten that it may have at a time.
func TestLoadComesBack(t *testing.T) {
	overHops(t, func(t *testing.T, w *way) {
		w.warm()
		for _, router := range w.routers {
			if load := router.Status().Services[0].Clouds[0].Endpoints[0].Load; load.Application != 0.1 || load.At.IsZero() {
				t.Errorf("%+v", load)
			}
		}
	})
}

// TestHostileHeaders reach the first server: what can't be believed is as if it
// weren't there, and the call is served.
func TestHostileHeaders(t *testing.T) {
	overHops(t, func(t *testing.T, w *way) {
		client := &http.Client{Transport: &http.Transport{DialContext: w.dialer()}}
		t.Cleanup(client.CloseIdleConnections)
		huge := strings.Repeat("9", 1<<19)
		for name, header := range map[string]http.Header{
			"malformed": {"X-Sla-Tier": {"critical\t1"}, "X-Sla-Level": {"-0"}, "X-Sla-Attempt": {"1e9"}, "X-Sla-Timeout-Ms": {"0x0"}},
			"huge":      {"X-Sla-Tier": {huge}},
			"numbers":   {"X-Sla-Level": {"18446744073709551617"}, "X-Sla-Timeout-Ms": {"-99999999999999999999"}},
			"repeated":  {"X-Sla-Tier": {"batch", "critical"}, "X-Sla-Level": {"1", "2"}, "X-Sla-Attempt": {"1", "2"}, "X-Sla-Timeout-Ms": {"0", "0"}},
			"joined":    {"X-Sla-Tier": {"batch, critical"}, "X-Sla-Timeout-Ms": {"0, 0"}},
		} {
			w.take()
			if err := get(t.Context(), client, "http://"+w.first+"/", header); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for i, v := range w.take() {
				if v.tier != "standard" || !v.deadline.IsZero() || i > 0 && !slices.Equal(v.attempt, []string{"1"}) {
					t.Errorf("%s: server %d: %+v", name, i+1, v)
				}
			}
		}
	})
}
