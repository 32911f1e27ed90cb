package balancer

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// What a deadline says about the target depends on how long it had.
func TestDoTellsSilenceFromImpatience(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		kind    health.Kind
	}{
		{"long enough to tell", 2 * time.Second, health.TimedOut},
		{"too short to tell", 20 * time.Millisecond, health.Neutral},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, testConfig())
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				_, _, _, err := play(ctx, r, Call{Service: "api"}, reply{after: time.Hour})
				var call *CallError
				if !errors.As(err, &call) || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("error is %v", err)
				}
				if got := call.Attempts[0].Outcome.Kind; got != test.kind {
					t.Errorf("outcome is %v, want %v", got, test.kind)
				}
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("not a timeout to net/http: %v", err)
				}
			})
		})
	}
}

// A tier's own timeout says how long a target may be silent, a caller's deadline
// doesn't. Nothing is known of latencies, so a target has 1 s.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		for i := range cfg.Tiers {
			cfg.Tiers[i].Timeout = 800 * time.Millisecond
		}
		a, err := newWorld().router(t, cfg).Pick(t.Context(), Call{Service: "api"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.End()
		for _, test := range []struct {
			waited time.Duration
			byTier bool
			want   health.Kind
		}{
			{399 * time.Millisecond, true, health.Neutral},
			{400 * time.Millisecond, true, health.TimedOut},
			{999 * time.Millisecond, false, health.Neutral},
			{time.Second, false, health.TimedOut},
		} {
			if o := a.Silent(test.waited, test.byTier); o.Kind != test.want {
				t.Errorf("silent for %v, by the tier's timeout %t: %v, want %v", test.waited, test.byTier, o.Kind, test.want)
			}
		}
	})
}

func TestDoSaysThatTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		_, attempts, _, err := play(ctx, r, Call{Service: "api", Idempotent: true}, reply{after: time.Hour})
		var call *CallError
		if !errors.As(err, &call) || !errors.Is(err, context.Canceled) || len(attempts) != 1 {
			t.Fatalf("%d attempts, error is %v", len(attempts), err)
		}
		if o := call.Attempts[0].Outcome; o.Kind != health.Neutral {
			t.Errorf("the target is blamed: %v", o)
		}
	})
}

func TestDoHasTheTiersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		ctx := sla.WithTier(t.Context(), "critical")
		_, _, _, err := play(ctx, r, Call{Service: "api"}, reply{after: time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the 800ms of tier critical are over") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestCallErrorTellsTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		if err := r.Drain("b"); err != nil {
			t.Fatal(err)
		}
		refused := reply{kind: health.Refused, err: errRefused}
		_, _, _, err := play(t.Context(), r, Call{Service: "api", Idempotent: true}, refused, refused)
		text := err.Error()
		for _, part := range []string{
			"api (tier standard): connection refused",
			"attempt 1 at a http://10.0.0.", "attempt 2 at a http://10.0.0.", "refused (scripted)", "; no further attempt: the tier allows no more",
			"cloud a is unknown since", "(nothing heard yet) and drained since",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("the error does not say %q:\n%s", part, text)
			}
		}
	})
}

// What was sent and not answered in time may have been carried out.
func TestDeadlineIsAmbiguous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, testConfig())
		for _, idempotent := range []bool{false, true} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("shift ends"))
			_, _, _, err := play(ctx, r, Call{Service: "api", Idempotent: idempotent}, reply{after: time.Hour}, reply{after: time.Hour})
			cancel()
			var call *CallError
			if !errors.As(err, &call) || errors.Is(err, ErrAmbiguous) == idempotent {
				t.Errorf("idempotent %v: %v", idempotent, err)
			}
			// Neither a cause of one's own nor the wrapping hides the kind.
			if !strings.Contains(err.Error(), "shift ends") || !errors.Is(err, context.DeadlineExceeded) || !call.Timeout() {
				t.Errorf("error is %v", err)
			}
		}
	})
}
