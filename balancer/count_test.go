package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
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

// Picks say nothing about calls; Count does.
func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWorld().router(t, promising())
		call := Call{Service: "api"}
		a, err := r.Pick(acme, call, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Done(health.Outcome{Kind: health.OK})
		if tier, _ := totals(t, r); tier != (sla.Totals{}) {
			t.Errorf("a pick counts: %+v", tier)
		}
		left, leave := context.WithCancel(acme)
		leave()
		ok := health.Outcome{Kind: health.OK}
		r.Count(acme, call, time.Millisecond, ok, nil)
		r.Count(acme, call, time.Second, ok, nil)
		r.Count(acme, call, time.Second, health.Outcome{Kind: health.Failed}, nil)
		r.Count(acme, call, 0, health.Outcome{}, &sla.ShedError{})
		r.Count(left, call, time.Second, health.Outcome{}, nil)
		r.Count(acme, Call{Service: "nothing of the kind"}, 0, ok, nil)
		r.Count(acme, Call{Service: "api", Stream: ClientStream}, time.Second, ok, nil) // silence is no lateness
		if metric := counted(r); metric != (sla.Totals{Good: 2, Bad: 3, Shed: 1}) {
			t.Errorf("the metric says %+v", metric)
		}
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 2, Bad: 3, Shed: 1}) || contract != (sla.Counts{Good: 2, Bad: 3}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
	})
}

// Counting allocates nothing: a good call of Do allocates as much with a contract
// and an objective as without.
func TestAllocCount(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	measure := func(cfg *Config) float64 {
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.SetProber(HTTP, func(context.Context, Probe) health.Outcome { return health.Outcome{Kind: health.OK} })
		try := func(context.Context, Attempt) (int, health.Outcome, error) {
			return 0, health.Outcome{Kind: health.OK, Reason: "fine"}, nil
		}
		return testing.AllocsPerRun(1000, func() {
			if _, err := Do(acme, r, Call{Service: "api", Idempotent: true}, try, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	with := promising()
	without := promising()
	without.Contracts = nil
	if a, b := measure(with), measure(without); a > b || a > 5 {
		t.Errorf("%g allocations, %g without a contract; at most 5", a, b)
	}
	r := benchRouter(t, 5)
	if n := testing.AllocsPerRun(1000, func() {
		r.Count(acme, Call{Service: "api"}, time.Millisecond, health.Outcome{Kind: health.OK}, nil)
	}); n != 0 {
		t.Errorf("Count: %g allocations", n)
	}
}

// Updates keep what was counted for tiers and contracts that stay, also for calls
// that are under way.
func TestUpdateKeepsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.router(t, promising())
		w.latency = 20 * time.Millisecond
		one := func() {
			if _, err := w.call(acme, r, Call{Service: "api"}); err != nil {
				t.Error(err)
			}
		}
		one()
		done := make(chan bool)
		go func() { one(); close(done) }()
		time.Sleep(time.Millisecond)
		next := promising()
		slices.Reverse(next.Contracts)
		next.Contracts[0].Target = 0.5
		next.Contracts = next.Contracts[:1] // acme alone, at another place
		next.Tiers = append([]sla.Tier{{Name: "new"}}, next.Tiers...)
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		<-done
		one()
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 3}) || contract != (sla.Counts{Good: 3}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
		// One whose contract goes while it is under way counts in its tier.
		done = make(chan bool)
		go func() { one(); close(done) }()
		time.Sleep(time.Millisecond)
		next.Contracts = nil
		if err := r.Update(next); err != nil {
			t.Fatal(err)
		}
		<-done
		if tier, _ := totals(t, r); tier != (sla.Totals{Good: 4}) {
			t.Errorf("tier %+v", tier)
		}
		if got := r.Report(); len(got.Contracts) != 0 || got.Compliance != 100 || len(got.Tiers) != 3 {
			t.Errorf("%+v", got)
		}
	})
}

// A service that speaks two protocols has one promise for each tier.
func TestOnePromiseForBothProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := promising()
		for name, c := range cfg.Services["api"].Clouds {
			c.GRPC = []string{"10.0.9.1:90"}
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld()
		r := w.router(t, cfg)
		for p := range Protocol(protocols) {
			if _, err := w.call(acme, r, Call{Service: "api", Protocol: p}); err != nil {
				t.Fatal(err)
			}
		}
		if tier, contract := totals(t, r); tier != (sla.Totals{Good: 2}) || contract != (sla.Counts{Good: 2}) {
			t.Errorf("tier %+v, contract %+v", tier, contract)
		}
		if tiers := r.Report().Tiers; len(tiers) != 2 {
			t.Errorf("%+v", tiers)
		}
	})
}

// The budget loop, in virtual time: an outage of a whole service after an hour
// without a failure burns 14.4 times too fast after 51.84 s. From then on calls of
// unprotected tiers aren't hedged, and 295.68 s after the last bad call they are
// again. Both within a second.
func TestBudgetLoop(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine and 6 virtual hours: minutes under the race detector")
	}
	cfg := promising()
	cfg.Tiers[0].Hedge, cfg.Tiers[1].Hedge = 0.02, 0.02
	now := time.Duration(0)
	machine := &virtual.Machine{
		Now:   func() time.Duration { return now },
		Rand:  func() uint64 { return uint64(now) * 0x9e3779b97f4a7c15 },
		Probe: func(virtual.Probe, func(health.Outcome)) {},
	}
	r, err := New(cfg, Simulated(machine))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := sla.WithTier(context.Background(), "critical")
	hedges := func() (protected, unprotected bool) {
		s, err := r.table.Load().service("api", HTTP)
		if err != nil {
			t.Fatal(err)
		}
		return s.tiers[0].mayHedge, s.tiers[1].mayHedge
	}
	// run makes 20 calls a second until the hedging of the unprotected tier is so.
	run := func(kind health.Kind, most time.Duration, until bool) time.Duration {
		began := now
		for now-began < most {
			r.Count(ctx, Call{Service: "api"}, 0, health.Outcome{Kind: kind}, nil)
			now += machine.StepEvery
			r.Report() // whoever looks, and however often, changes nothing
			machine.Step()
			if _, unprotected := hedges(); unprotected == until {
				break
			}
		}
		return now - began
	}
	for now < 6*time.Hour { // so that no window of the first two rules is empty
		for range 20 {
			r.Count(ctx, Call{Service: "api"}, 0, health.Outcome{Kind: health.OK}, nil)
		}
		now += time.Second
		machine.Step()
	}
	if got, want := run(health.Failed, time.Hour, false), 51840*time.Millisecond; (got - want).Abs() > time.Second {
		t.Errorf("burns after %v, want %v", got, want)
	}
	if protected, _ := hedges(); !protected {
		t.Error("the protected tier isn't hedged any more")
	}
	status := r.Status().Services[0].Tiers
	if b := status[0].Promise.Burns[0]; !b.Firing || b.LongRate < 14.4 || b.LongRate > 15 || !status[0].Hedges || status[1].Hedges {
		t.Errorf("%+v, %+v", status[0], status[1].Hedges)
	}
	if got, want := run(health.OK, time.Hour, true), 295680*time.Millisecond; (got - want).Abs() > time.Second {
		t.Errorf("burns no longer after %v, want %v", got, want)
	}
}

// Calls that are shed for lack of capacity count against the promise, each once,
// and never against a cloud.
func TestShedCallsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := promising()
		cfg.Instances = 1
		for name, c := range cfg.Services["api"].Clouds {
			c.Capacity = 20
			cfg.Services["api"].Clouds[name] = c
		}
		w := newWorld()
		r := w.router(t, cfg)
		errs := w.load(r, "standard", 2000, 5*time.Millisecond) // 200 a second
		shed := 0
		for _, err := range errs {
			var e *sla.ShedError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			shed++
		}
		status := r.Status()
		tier := status.Services[0].Tiers[1]
		if want := (sla.Totals{Good: uint64(2000 - shed), Bad: uint64(shed), Shed: uint64(shed)}); tier.Calls != want || shed < 1000 {
			t.Errorf("counted %+v, want %+v", tier.Calls, want)
		}
		if counted := tier.ShedCalls.Capacity + tier.ShedCalls.InFlight; counted != tier.Calls.Shed {
			t.Errorf("%d decisions to shed, %d calls shed", counted, tier.Calls.Shed)
		}
		if left := tier.Promise.Left; left >= 0 {
			t.Errorf("%v of the budget left", left)
		}
		for _, c := range status.Services[0].Clouds {
			if c.Counts.Bad > 0 || c.State != health.Healthy {
				t.Errorf("%+v", c)
			}
		}
	})
}
