package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// hedgedWorld has answers after 5 ms, a tier that hedges and knows when, and
// another that doesn't hedge.
func hedgedWorld(t *testing.T, change func(*Config), opts ...Option) (*world, *Router) {
	t.Helper()
	cfg := testConfig()
	cfg.Tiers[0].Hedge = 0.1
	if change != nil {
		change(cfg)
	}
	w := newWorld()
	r := w.router(t, cfg, opts...)
	if errs := w.load(r, "critical", 600, 5*time.Millisecond); len(errs) > 0 {
		t.Fatal(errs[0])
	}
	return w, r
}

// script is what the attempts of a call do, the first and its hedge by their
// numbers. It is safe for attempts at the same time.
type script struct {
	replies map[int]reply

	mu        sync.Mutex
	attempts  []Attempt
	began     []time.Duration // since the call began
	discarded []int
	ended     map[int]error // what the context of an attempt said when try returned
}

func (s *script) do(ctx context.Context, r *Router, call Call) (int, error) {
	start := time.Now()
	s.ended = map[int]error{}
	return Do(sla.WithTier(ctx, "critical"), r, call, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
		s.mu.Lock()
		s.attempts = append(s.attempts, at)
		s.began = append(s.began, time.Since(start))
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ended[at.Number()] = ctx.Err()
		}()
		reply := s.replies[at.Number()]
		if !sleep(ctx, reply.after, nil) {
			return 0, health.Outcome{Reason: "context"}, ctx.Err()
		}
		return at.Number(), health.Outcome{Kind: reply.kind, Reason: "scripted"}, reply.err
	}, func(v int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.discarded = append(s.discarded, v)
	})
}

// outcomes notes the outcome of each attempt by its number.
type outcomes struct {
	mu sync.Mutex
	of map[int]health.Outcome
}

func (o *outcomes) trace() Option {
	return WithTrace(Trace{Answered: func(a Attempt, out health.Outcome, _ time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.of[a.Number()] = out
	}})
}

const ms = time.Millisecond

// TestHedge tells all the ways of two attempts. Answers took 5 ms, so a hedge goes
// out after a little more.
func TestHedge(t *testing.T) {
	ok := func(after time.Duration) reply { return reply{kind: health.OK, after: after} }
	lost, well := "hedge lost", "scripted"
	for name, test := range map[string]struct {
		attempts   int // of the tier; 0: 3
		replies    map[int]reply
		value      int
		took       time.Duration
		discarded  []int
		outcomes   map[int]string // reasons
		is         error
		afterHedge int // attempts
	}{
		"answered in time": {replies: map[int]reply{1: ok(4 * ms)}, value: 1, took: 4 * ms, outcomes: map[int]string{1: well}},
		"the hedge wins": {replies: map[int]reply{1: ok(time.Hour), 2: ok(2 * ms)}, value: 2, took: 7 * ms,
			outcomes: map[int]string{1: lost, 2: well}},
		"the first wins": {replies: map[int]reply{1: ok(9 * ms), 2: ok(time.Hour)}, value: 1, took: 9 * ms,
			outcomes: map[int]string{1: well, 2: lost}},
		"the hedge fails, the first answers": {replies: map[int]reply{1: ok(20 * ms), 2: {kind: health.Refused, err: errRefused}}, value: 1, took: 20 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"the hedge's bad answer is discarded": {replies: map[int]reply{1: ok(20 * ms), 2: {kind: health.Failed, after: ms}}, value: 1, took: 20 * ms,
			discarded: []int{2}, outcomes: map[int]string{1: well, 2: well}},
		"the first fails, the hedge answers": {replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: ok(9 * ms)}, value: 2, took: 14 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"both fail, a third answers": {replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: {kind: health.Failed, after: 9 * ms}, 3: ok(ms)}, value: 3, took: 15 * ms,
			discarded: []int{2}, outcomes: map[int]string{1: well, 2: well, 3: well}, afterHedge: 1},
		"both fail in the other order": {replies: map[int]reply{1: {kind: health.Failed, after: 12 * ms}, 2: {kind: health.Broken, err: errBroken, after: ms}, 3: ok(ms)}, value: 3, took: 13 * ms,
			discarded: []int{1}, outcomes: map[int]string{1: well, 2: well, 3: well}, afterHedge: 1},
		"both fail and there is no third": {attempts: 2, replies: map[int]reply{1: {kind: health.Broken, err: errBroken, after: 8 * ms}, 2: {kind: health.Refused, err: errRefused, after: 9 * ms}}, value: 2, took: 14 * ms,
			outcomes: map[int]string{1: well, 2: well}, is: errRefused},
		"the target's own error ends the call": {replies: map[int]reply{1: {kind: health.OK, err: errBroken, after: 8 * ms}, 2: ok(time.Hour)}, value: 1, took: 8 * ms,
			outcomes: map[int]string{1: well, 2: lost}, is: errBroken},
		"the hedge's own error ends the call": {replies: map[int]reply{1: ok(time.Hour), 2: {kind: health.OK, err: errBroken, after: 2 * ms}}, value: 2, took: 7 * ms,
			outcomes: map[int]string{1: lost, 2: well}, is: errBroken},
		"the first is cut, the hedge answers": {attempts: 2, replies: map[int]reply{1: ok(time.Hour), 2: ok(100 * ms)}, value: 2, took: 105 * ms,
			outcomes: map[int]string{1: "attempt time", 2: well}},
		"both are cut, a third answers": {replies: map[int]reply{1: ok(time.Hour), 2: ok(time.Hour), 3: ok(ms)}, value: 3, took: 56 * ms,
			outcomes: map[int]string{1: "attempt time", 2: "attempt time", 3: well}, afterHedge: 1},
		"the hedge fails, then the first is not cut": {attempts: 2, replies: map[int]reply{1: ok(300 * ms), 2: {kind: health.Refused, err: errRefused}}, value: 1, took: 300 * ms,
			outcomes: map[int]string{1: well, 2: well}},
		"the hedge fails, then the first is cut": {replies: map[int]reply{1: ok(time.Hour), 2: {kind: health.Refused, err: errRefused}, 3: ok(ms)}, value: 3, took: 51 * ms,
			outcomes: map[int]string{1: "attempt time", 2: well, 3: well}, afterHedge: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &outcomes{of: map[int]health.Outcome{}}
				_, r := hedgedWorld(t, func(c *Config) {
					if test.attempts > 0 {
						c.Tiers[0].Attempts = test.attempts
					}
				}, seen.trace())
				clear(seen.of)
				s := &script{replies: test.replies}
				began := time.Now()
				value, err := s.do(t.Context(), r, Call{Service: "api", Idempotent: true})
				took := time.Since(began)
				synctest.Wait()
				if value != test.value || !errors.Is(err, test.is) {
					t.Errorf("value %d, error %v, want %d, %v", value, err, test.value, test.is)
				}
				if test.took > 0 && (took < test.took || took > test.took+ms) {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if !slices.Equal(s.discarded, test.discarded) {
					t.Errorf("discarded %v, want %v", s.discarded, test.discarded)
				}
				got := map[int]string{}
				for n, o := range seen.of {
					got[n] = o.Reason
				}
				if fmt.Sprint(got) != fmt.Sprint(test.outcomes) {
					t.Errorf("outcomes %v, want %v", got, test.outcomes)
				}
				if n := len(s.attempts); n > 1 {
					if s.attempts[0].Hedge() || !s.attempts[1].Hedge() || s.attempts[0].Cloud() == s.attempts[1].Cloud() {
						t.Errorf("attempts %v in %s, %v in %s", s.attempts[0].Hedge(), s.attempts[0].Cloud(), s.attempts[1].Hedge(), s.attempts[1].Cloud())
					}
					if at := s.began[1]; at < 5*ms || at > 6*ms {
						t.Errorf("hedged after %v", at)
					}
					if want := 2 + test.afterHedge; n != want {
						t.Errorf("%d attempts, want %d", n, want)
					}
				}
				for _, a := range s.attempts {
					if n := a.endpoint.live.InFlight(); n != 0 {
						t.Errorf("%d in flight at %s", n, a.Endpoint())
					}
				}
			})
		})
	}
}
