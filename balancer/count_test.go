package balancer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// promising is a config whose standard tier promises an answer in 50 ms, and has
// a contract with acme.
func promising() *Config {
	cfg := testConfig()
	cfg.Tiers[0].Objective = sla.Objective{Target: 0.999, Latency: 50 * time.Millisecond}
	cfg.Tiers[1].Objective = sla.Objective{Target: 0.9, Latency: 50 * time.Millisecond, Window: time.Hour}
	cfg.Tiers[1].Timeout = 400 * time.Millisecond
	cfg.Contracts = []sla.Contract{
		{Name: "other", Product: "maps", Customer: "globex", Target: 0.5},
		{Name: "acme", Product: "dispatch", Customer: "acme", Target: 0.99},
	}
	return cfg
}

var acme = sla.WithCaller(context.Background(), sla.Caller{Product: "dispatch", Customer: "acme"})

// totals returns what was counted for the standard tier and for acme, and that
// the report agrees.
func totals(t *testing.T, r *Router) (tier sla.Totals, contract sla.Counts) {
	t.Helper()
	status := r.Status()
	for _, of := range status.Services[0].Tiers {
		if of.Name == "standard" {
			tier = of.Calls
			if of.Promise.Good != tier.Good || of.Promise.Bad != tier.Bad {
				t.Errorf("the tier counted %+v, its window has %+v", tier, of.Promise.Counts)
			}
		}
	}
	for _, c := range status.SLA.Contracts {
		switch {
		case c.Name == "acme":
			contract = c.Counts
		case c.Counts != sla.Counts{}:
			t.Errorf("calls of others in %s: %+v", c.Name, c.Counts)
		}
	}
	return tier, contract
}

// counted is what the metric fairlead.calls says of the standard tier: a call with
// any error.type but canceled is bad.
func counted(r *Router) (t sla.Totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.endingsOf(r.order[0], "standard")
	t.Good, t.Shed = all.ended(endGood), all.ended(endShed)
	for e := range callEnd(callEnds) {
		if e != endGood && e != endCanceled {
			t.Bad += all.ended(e)
		}
	}
	return t
}

// What a call is to its caller, by what becomes of its attempts and by what its
// caller does.
func TestVerdicts(t *testing.T) {
	type answer struct {
		after time.Duration
		kind  health.Kind
		err   error
	}
	fault := errors.New("fault")
	good, bad, none := sla.Totals{Good: 1}, sla.Totals{Bad: 1}, sla.Totals{}
	for name, test := range map[string]struct {
		answers []answer // of the attempts; the last one again and again
		leaves  time.Duration
		within  time.Duration // the caller's own deadline
		once    bool          // the call isn't idempotent
		want    sla.Totals
	}{
		"good":                                 {answers: []answer{{time.Millisecond, health.OK, nil}}, want: good},
		"not found":                            {answers: []answer{{time.Millisecond, health.OK, fault}}, want: good},
		"just in time":                         {answers: []answer{{50 * time.Millisecond, health.OK, nil}}, want: good},
		"late":                                 {answers: []answer{{51 * time.Millisecond, health.OK, nil}}, want: bad},
		"late and not found":                   {answers: []answer{{51 * time.Millisecond, health.OK, fault}}, want: bad},
		"failed, then good":                    {answers: []answer{{time.Millisecond, health.Failed, nil}, {time.Millisecond, health.OK, nil}}, want: good},
		"failed, then good, but late":          {answers: []answer{{30 * time.Millisecond, health.Failed, nil}, {30 * time.Millisecond, health.OK, nil}}, want: bad},
		"a failure as a value":                 {answers: []answer{{time.Millisecond, health.Failed, nil}}, want: bad},
		"refused":                              {answers: []answer{{0, health.Refused, fault}}, want: bad},
		"pushed back":                          {answers: []answer{{0, health.Overloaded, fault}}, want: bad},
		"broken, ambiguous":                    {answers: []answer{{0, health.Broken, fault}}, once: true, want: bad},
		"the caller's fault":                   {answers: []answer{{0, health.Neutral, fault}}, want: none},
		"silent until the tier's end":          {answers: []answer{{time.Hour, health.OK, nil}}, want: bad},
		"the caller leaves":                    {answers: []answer{{time.Hour, health.OK, nil}}, leaves: 20 * time.Millisecond, want: none},
		"the caller leaves late":               {answers: []answer{{time.Hour, health.OK, nil}}, leaves: 200 * time.Millisecond, want: none},
		"the caller leaves meanwhile":          {answers: []answer{{time.Millisecond, health.Failed, fault}, {time.Hour, health.OK, nil}}, leaves: 20 * time.Millisecond, want: none},
		"in more of a hurry than was promised": {answers: []answer{{time.Hour, health.OK, nil}}, within: 20 * time.Millisecond, want: none},
		"in less of a hurry than was promised": {answers: []answer{{time.Hour, health.OK, nil}}, within: 60 * time.Millisecond, want: bad},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newWorld().router(t, promising())
				ctx := acme
				if test.leaves > 0 {
					var leave context.CancelFunc
					ctx, leave = context.WithCancel(ctx)
					time.AfterFunc(test.leaves, leave)
				}
				if test.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.within)
					defer cancel()
				}
				attempt := 0
				Do(ctx, r, Call{Service: "api", Idempotent: !test.once}, func(ctx context.Context, at Attempt) (int, health.Outcome, error) {
					a := test.answers[min(attempt, len(test.answers)-1)]
					attempt++
					if a.after > 0 && !sleep(ctx, a.after, nil) {
						return 0, health.Outcome{}, ctx.Err()
					}
					return 0, health.Outcome{Kind: a.kind, Reason: "as the test wants"}, a.err
				}, nil)
				tier, contract := totals(t, r)
				if metric := counted(r); metric != test.want {
					t.Errorf("the metric says %+v, want %+v", metric, test.want)
				}
				if tier != test.want || contract != (sla.Counts{Good: test.want.Good, Bad: test.want.Bad}) {
					t.Errorf("tier %+v, contract %+v, want %+v", tier, contract, test.want)
				}
			})
		})
	}
}

// Calls that nobody may serve are bad for those who made them, and say nothing
// about a cloud. Those that ask for what isn't there are not.
func TestRefusalsAreBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := promising()
		cfg.Failover.Panic = "fail"
		cfg.Tiers[1].Clouds.Only = []string{"a"}
		r := w.router(t, cfg)
		w.set("a", refuses)
		w.set("b", refuses)
		time.Sleep(30 * time.Second) // probes find it out
		for range 5 {
			if _, err := w.call(acme, r, Call{Service: "api"}); !errors.Is(err, ErrNoCloud) {
				t.Fatal(err)
			}
		}
		w.call(acme, r, Call{Service: "api", Wait: true}) // until its time is over
		w.call(acme, r, Call{Service: "nothing of the kind"})
		left, leave := context.WithCancel(acme)
		leave()
		w.call(left, r, Call{Service: "api", Wait: true})
		tier, contract := totals(t, r)
		if tier != (sla.Totals{Bad: 6}) || contract != (sla.Counts{Bad: 6}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
	})
}

func TestShedIsBad(t *testing.T) {
	shed := fmt.Errorf("wrapped: %w", &sla.ShedError{})
	if got := refused(context.Background(), shed); got != sla.Shed {
		t.Errorf("got %v", got)
	}
	left, leave := context.WithCancel(context.Background())
	leave()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want sla.Verdict
	}{
		{left, shed, sla.Shed}, // it was shed before its caller left
		{left, ErrNoCloud, sla.Uncounted},
		{context.Background(), ErrNoCloud, sla.Bad},
		{context.Background(), &CallError{Cause: ErrBudget}, sla.Bad},
		{context.Background(), ErrClosed, sla.Uncounted},
		{context.Background(), &UnknownServiceError{}, sla.Uncounted},
	} {
		if got := refused(test.ctx, test.err); got != test.want {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
		}
	}
}

// A call whose answer is still being read counts once, when that is over: good if
// its headers came in time and nothing broke, whoever is first, Do or the reader.
func TestKeptCalls(t *testing.T) {
	for name, test := range map[string]struct {
		early bool // released before Do returns
		rest  health.Kind
		take  time.Duration // of the body
		want  sla.Totals
	}{
		"read":                   {false, health.Neutral, time.Minute, sla.Totals{Good: 1}},
		"read at once":           {true, health.OK, 0, sla.Totals{Good: 1}},
		"broken off":             {false, health.Broken, time.Second, sla.Totals{Bad: 1}},
		"broken off at once":     {true, health.Broken, 0, sla.Totals{Bad: 1}},
		"timed out":              {false, health.TimedOut, time.Second, sla.Totals{Bad: 1}},
		"given up by its caller": {false, health.Neutral, time.Second, sla.Totals{Good: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := promising()
				cfg.Tiers[1].Objective.Window = 0
				r := newWorld().router(t, cfg)
				var of Attempt
				_, err := Do(acme, r, Call{Service: "api"}, func(_ context.Context, at Attempt) (int, health.Outcome, error) {
					at.Keep()
					of = at
					if test.early {
						at.Release(health.Outcome{Kind: test.rest, Reason: "rest"})
					}
					return 0, health.Outcome{Kind: health.OK, Reason: "headers"}, nil
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !test.early {
					if tier, _ := totals(t, r); tier != (sla.Totals{}) {
						t.Errorf("while it is read: %+v", tier)
					}
					time.Sleep(test.take)
					of.Release(health.Outcome{Kind: test.rest, Reason: "rest"})
				}
				if tier, contract := totals(t, r); tier != test.want || contract.Good != test.want.Good || contract.Bad != test.want.Bad {
					t.Errorf("tier %+v, contract %+v", tier, contract)
				}
			})
		})
	}
}

// A call that was tried again counts once, whatever it kept and gave back.
func TestDiscardedAnswersDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, promising())
		v, err := Do(acme, r, Call{Service: "api", Idempotent: true}, func(_ context.Context, at Attempt) (Attempt, health.Outcome, error) {
			at.Keep()
			kind := health.Failed
			if at.Number() == 2 {
				kind = health.OK
			}
			return at, health.Outcome{Kind: kind, Reason: "as the test wants"}, nil
		}, func(a Attempt) { a.Release(health.Outcome{}) })
		if err != nil || v.Number() != 2 {
			t.Fatal(v, err)
		}
		v.Release(health.Outcome{})
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 1}) || contract != (sla.Counts{Good: 1}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
	})
}
