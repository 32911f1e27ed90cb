package sim

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// TestAgreesWithDo makes one call by balancer.Do and one by this package's loop
// around attempts, at servers that all do the same: both begin their attempts
// at the same times and end alike.
func TestAgreesWithDo(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name      string
		fault     Fault
		endpoints int // of each of two clouds
		noBudget  bool
		try       func(context.Context) (health.Outcome, error) // the same for Do
		began     []time.Duration
		slack     time.Duration // of waits with a random part
		ok        bool
		took      time.Duration
	}{
		{
			name: "answered", endpoints: 2, fault: Fault{Kind: Slow}, // once as long
			try:   after(12*ms, health.Outcome{Kind: health.OK}),
			began: []time.Duration{0}, ok: true, took: 12 * ms,
		},
		{
			name: "refused", endpoints: 2, fault: Fault{Kind: Crash},
			try:   after(2*ms, health.Outcome{Kind: health.Refused}),
			began: []time.Duration{0, 2 * ms, 4 * ms}, took: 6 * ms,
		},
		{
			name: "failed", endpoints: 2, fault: Fault{Kind: Errors, Rate: 1},
			try:   after(2*ms, health.Outcome{Kind: health.Failed}),
			began: []time.Duration{0, 2 * ms, 4 * ms}, took: 6 * ms,
		},
		{
			// Half of what is left, twice; the last attempt has all the rest.
			name: "silent", endpoints: 2, fault: Fault{Kind: Freeze}, try: silent,
			began: []time.Duration{0, 400 * ms, 600 * ms}, took: 800 * ms,
		},
		{
			// The third attempt could only repeat one: the second may go on.
			name: "silent, nobody left", endpoints: 1, fault: Fault{Kind: Freeze}, try: silent,
			began: []time.Duration{0, 400 * ms}, took: 800 * ms,
		},
		{
			// The third repeats one, after 50 ms ± 20 %.
			name: "refused, nobody left", endpoints: 1, fault: Fault{Kind: Crash},
			try:   after(2*ms, health.Outcome{Kind: health.Refused}),
			began: []time.Duration{0, 2 * ms, 54 * ms}, took: 56 * ms, slack: 10 * ms,
		},
		{
			name: "refused, no budget", endpoints: 2, fault: Fault{Kind: Crash}, noBudget: true,
			try:   after(2*ms, health.Outcome{Kind: health.Refused}),
			began: []time.Duration{0}, took: 2 * ms,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			clouds := twoClouds()
			for i := range clouds {
				clouds[i].Endpoints = test.endpoints
				clouds[i].Network = Delay{Least: ms}
				clouds[i].Server.Service = Delay{Least: 10 * ms}
			}
			s := Scenario{Seed: 1, Duration: time.Minute, Clouds: clouds}
			for _, c := range clouds {
				f := test.fault
				f.Cloud, f.Factor = c.Name, 1
				s.Faults = append(s.Faults, f)
			}
			check := func(who string, began []time.Duration, ok bool, took time.Duration) {
				near := func(a, b time.Duration) bool { return max(a-b, b-a) <= test.slack }
				same := len(began) == len(test.began) && ok == test.ok && near(took, test.took)
				for i := 0; same && i < len(began); i++ {
					same = near(began[i], test.began[i])
				}
				if !same {
					t.Errorf("%s began attempts at %v, ok %t after %v, want %v, %t after %v ± %v",
						who, began, ok, took, test.began, test.ok, test.took, test.slack)
				}
			}
			began, ok, took := oneCall(t, s.withDefaults(), test.noBudget)
			check("the simulator", began, ok, took)
			synctest.Test(t, func(t *testing.T) {
				began, ok, took := oneDo(t, s.withDefaults(), test.noBudget, test.try)
				check("Do", began, ok, took)
			})
		})
	}
}

// spend takes all there is of the retry budget.
func spend(t *testing.T, r *balancer.Router) {
	call := balancer.Call{Service: service}
	first, err := r.Pick(t.Context(), call, nil)
	for a := first; err == nil; a, err = r.Pick(t.Context(), call, []balancer.Attempt{first}) {
		a.Done(health.Outcome{})
	}
	if !errors.Is(err, balancer.ErrBudget) {
		t.Fatal(err)
	}
}

// oneCall makes one call of the simulator.
func oneCall(t *testing.T, s Scenario, noBudget bool) (began []time.Duration, ok bool, took time.Duration) {
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	for range s.Faults {
		w.step(0)
	}
	if noBudget {
		spend(t, w.clients[0].router)
	}
	d := begin(w.clients[0], 0, 0)
	for seen := 0; ; {
		if len(d.tried) > seen {
			seen++
			began = append(began, w.now)
		}
		if w.open == 0 || !w.step(s.Duration) {
			break
		}
	}
	return began, w.result.Tiers[0].Failed == 0, w.now
}

// oneDo makes one call of Do.
func oneDo(t *testing.T, s Scenario, noBudget bool, try func(context.Context) (health.Outcome, error)) (began []time.Duration, ok bool, took time.Duration) {
	r, err := balancer.New(s.config())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetProber(balancer.HTTP, func(context.Context, balancer.Probe) health.Outcome { return health.Outcome{} })
	if noBudget {
		spend(t, r)
	}
	start := time.Now()
	_, err = balancer.Do(t.Context(), r, balancer.Call{Service: service, Idempotent: true},
		func(ctx context.Context, _ balancer.Attempt) (struct{}, health.Outcome, error) {
			began = append(began, time.Since(start))
			o, err := try(ctx)
			return struct{}{}, o, err
		}, nil)
	return began, err == nil, time.Since(start)
}

// after is a server that answers so after a while.
func after(d time.Duration, o health.Outcome) func(context.Context) (health.Outcome, error) {
	return func(context.Context) (health.Outcome, error) {
		time.Sleep(d) // in a bubble
		if o.Kind != health.OK {
			return o, errors.New("no good answer")
		}
		return o, nil
	}
}

// silent is a server that doesn't answer.
func silent(ctx context.Context) (health.Outcome, error) {
	<-ctx.Done()
	return health.Outcome{}, ctx.Err()
}
