package balancer

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

var (
	errRefused = errors.New("connection refused")
	errBroken  = errors.New("connection reset")
)

// reply is what one attempt of a scripted call returns.
type reply struct {
	kind  health.Kind
	err   error
	after time.Duration
}

// play runs one call whose attempts return the replies in turn, and returns
// what came of it: the number of the attempt that gave the value, the
// attempts, and the values that were discarded.
func play(ctx context.Context, r *Router, call Call, replies ...reply) (value int, attempts []Attempt, discarded []int, err error) {
	value, err = Do(ctx, r, call, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
		attempts = append(attempts, at)
		reply := replies[len(attempts)-1]
		if reply.after > 0 && !sleep(ctx, reply.after, nil) {
			return 0, health.Outcome{Reason: "context"}, ctx.Err()
		}
		return len(attempts), health.Outcome{Kind: reply.kind, Reason: "scripted"}, reply.err
	}, func(v int) { discarded = append(discarded, v) })
	return value, attempts, discarded, err
}

func TestDo(t *testing.T) {
	tests := []struct {
		name       string
		unsafe     bool // not idempotent
		replies    []reply
		value      int
		attempts   int
		discarded  []int
		is         error // nil: no error
		ambiguous  bool
		unwrapped  bool // the error is the target's own
		differCold bool // the attempts were in different clouds
	}{
		{name: "answer", replies: []reply{{kind: health.OK}}, value: 1, attempts: 1},
		{name: "an error that is the target's answer", replies: []reply{{kind: health.OK, err: errBroken}}, value: 1, attempts: 1, is: errBroken, unwrapped: true},
		{name: "refused, then answered", replies: []reply{{kind: health.Refused, err: errRefused}, {kind: health.OK}}, value: 2, attempts: 2, differCold: true},
		{name: "refused is safe for any call", unsafe: true, replies: []reply{{kind: health.Refused, err: errRefused}, {kind: health.OK}}, value: 2, attempts: 2},
		{name: "too much is safe for any call", unsafe: true, replies: []reply{{kind: health.Overloaded}, {kind: health.OK}}, value: 2, attempts: 2, discarded: []int{1}},
		{name: "a bad answer is discarded", replies: []reply{{kind: health.Failed}, {kind: health.OK}}, value: 2, attempts: 2, discarded: []int{1}, differCold: true},
		{name: "the last bad answer is the result", replies: []reply{{kind: health.Failed}, {kind: health.Failed}, {kind: health.Failed}}, value: 3, attempts: 3, discarded: []int{1, 2}},
		{name: "broken may have run", unsafe: true, replies: []reply{{kind: health.Broken, err: errBroken}}, value: 1, attempts: 1, is: errBroken, ambiguous: true},
		{name: "a fault may have run", unsafe: true, replies: []reply{{kind: health.Failed}}, value: 1, attempts: 1},
		{name: "broken, then refused twice", replies: []reply{{kind: health.Broken, err: errBroken}, {kind: health.Refused, err: errRefused}, {kind: health.Refused, err: errRefused}}, value: 3, attempts: 3, is: errRefused},
		{name: "neutral ends the call", replies: []reply{{kind: health.Neutral, err: errBroken}}, value: 1, attempts: 1, is: errBroken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig())
				ctx := sla.WithTier(t.Context(), "critical")
				value, attempts, discarded, err := play(ctx, r, Call{Service: "api", Idempotent: !test.unsafe}, test.replies...)
				if value != test.value || len(attempts) != test.attempts || !slices.Equal(discarded, test.discarded) {
					t.Errorf("value %d after %d attempts, discarded %v; want %d, %d, %v",
						value, len(attempts), discarded, test.value, test.attempts, test.discarded)
				}
				if !errors.Is(err, test.is) {
					t.Errorf("error is %v, want %v", err, test.is)
				}
				var call *CallError
				if is := errors.As(err, &call); is != (test.is != nil && !test.unwrapped) {
					t.Errorf("a CallError: %v (%v)", is, err)
				}
				if got := errors.Is(err, ErrAmbiguous); got != test.ambiguous {
					t.Errorf("ambiguous: %v (%v)", got, err)
				}
				if test.differCold && attempts[0].Cloud() == attempts[1].Cloud() {
					t.Errorf("both attempts went to %s", attempts[0].Cloud())
				}
				for _, a := range attempts {
					if n := a.endpoint.live.InFlight(); n != 0 {
						t.Errorf("%d in flight at %s afterwards", n, a.Endpoint())
					}
				}
			})
		})
	}
}

func TestDoRespectsTheTiersAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		refused := reply{kind: health.Refused, err: errRefused}
		_, attempts, _, err := play(t.Context(), r, Call{Service: "api", Idempotent: true}, refused, refused, refused)
		if len(attempts) != defaultAttempts || !errors.Is(err, errRefused) {
			t.Errorf("%d attempts, %v", len(attempts), err)
		}
	})
}

// A target that asks for more time than a call should wait has its answer
// returned.
func TestLongRetryAfterIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		for after, want := range map[time.Duration]int{time.Hour: 1, 500 * time.Millisecond: 2} {
			r := newWorld().router(t, cfg)
			begun, n := time.Now(), 0
			v, err := Do(t.Context(), r, Call{Service: "api"}, func(context.Context, Attempt) (int, health.Outcome, error) {
				n++
				return n, health.Outcome{Kind: health.Overloaded, RetryAfter: after}, nil
			}, nil)
			if v != want || err != nil || time.Since(begun) != time.Duration(want-1)*after {
				t.Errorf("retry after %v: value %d, %v, after %v", after, v, err, time.Since(begun))
			}
		}
	})
}

// A retry goes by what has become known since the call began.
func TestRetryUsesTheNewestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{"a": {HTTP: []string{"http://10.0.0.1"}}}}
		r := newWorld().router(t, cfg)
		n := 0
		cloud, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true},
			func(_ context.Context, at Attempt) (string, health.Outcome, error) {
				if n++; n == 1 {
					if err := r.Update(testConfig()); err != nil {
						t.Error(err)
					}
					return "", health.Outcome{Kind: health.Refused}, errRefused
				}
				return at.Cloud(), health.Outcome{Kind: health.OK}, nil
			}, nil)
		if cloud != "b" || err != nil {
			t.Errorf("went to %q, %v", cloud, err)
		}
	})
}

// An attempt that is pushed back doesn't take the place of one elsewhere.
func TestPushbackTakesNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			outcome health.Kind
			want    int
		}{{health.Failed, 2}, {health.Overloaded, 4}} {
			cfg := testConfig()
			cfg.Services["api"] = Service{Clouds: map[string]ServiceCloud{
				"a": {HTTP: []string{"http://10.0.0.1", "http://10.0.0.2", "http://10.0.0.3"}},
				"b": {HTTP: []string{"http://10.0.1.1", "http://10.0.1.2", "http://10.0.1.3"}},
			}}
			r := newWorld().router(t, cfg)
			n := 0
			_, err := Do(t.Context(), r, Call{Service: "api", Idempotent: true},
				func(context.Context, Attempt) (int, health.Outcome, error) {
					n++
					return 0, health.Outcome{Kind: test.outcome}, errRefused
				}, nil)
			if n != test.want || err == nil {
				t.Errorf("%v: %d attempts, %v, want %d", test.outcome, n, err, test.want)
			}
		}
	})
}

// An attempt that nothing was sent of may be cut short; one that may have been
// sent may not.
func TestSendingForbidsTheCut(t *testing.T) {
	for _, sends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newWorld().router(t, testConfig())
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var clouds []string
			_, err := Do(ctx, r, Call{Service: "api", Announces: true}, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
				clouds = append(clouds, at.Cloud())
				if len(clouds) == 1 {
					if sends && !at.Sending() {
						t.Error("cut at once")
					}
					<-ctx.Done()
					if !sends && at.Sending() {
						t.Error("something may be sent after the cut")
					}
					return 0, health.Outcome{}, ctx.Err()
				}
				if first, again := at.Sending(), at.Sending(); !first || !again {
					t.Error("the second attempt was cut")
				}
				return 1, health.Outcome{Kind: health.OK}, nil
			}, nil)
			var failed *CallError
			switch {
			case sends && (!errors.As(err, &failed) || !failed.Ambiguous || len(clouds) != 1):
				t.Errorf("sent: tried %v, %v", clouds, err)
			case !sends && (err != nil || len(clouds) != 2 || clouds[0] == clouds[1]):
				t.Errorf("unsent: tried %v, %v", clouds, err)
			}
		})
	}
}

// A deadline that is as far away as can be is none: nothing overflows.
func TestFarDeadline(t *testing.T) {
	for name, far := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"longest timeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, math.MaxInt64)
		},
		"last year": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
		},
	} {
		for _, tier := range []string{"critical", "standard"} {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig())
				time.Sleep(time.Minute)
				ctx, cancel := far(sla.WithTier(t.Context(), tier))
				defer cancel()
				_, attempts, _, err := play(ctx, r, Call{Service: "api", Idempotent: true},
					reply{kind: health.OK, after: 40 * time.Millisecond}, reply{kind: health.OK})
				if err != nil || len(attempts) != 1 {
					t.Errorf("%s, tier %s: %d attempts, %v", name, tier, len(attempts), err)
				}
			})
		}
	}
}
