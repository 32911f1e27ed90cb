package health

import (
	"flag"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var callsFlag = flag.Float64("health.calls", 3e6, "calls per rate in the test of false alarms")

// alarms sends calls of which 1 in as many fails to ten endpoints, all of them through
// Begin, Record and End, and counts how often the target is down. Latency
// plays no part here, so that every answer comes at once and an hour passes in
// a second.
func alarms(seed uint64, rate, calls float64, oneIn uint32) (down, ejections int) {
	const endpoints = 10
	random := rand.New(rand.NewPCG(seed, uint64(rate)))
	t := NewTarget(Settings{}, []Objective{{Tier: "critical"}}, 0)
	all := make([]*Endpoint, endpoints)
	for i := range all {
		all[i] = new(Endpoint)
	}
	t.SetEndpoints(0, all)
	out := 0
	for now, done := time.Duration(0), 0.0; done < calls; now += sweepInterval {
		n := poisson(random, rate*sweepInterval.Seconds())
		for range n {
			// One draw decides on endpoint and outcome.
			x := random.Uint64()
			e := all[(x>>32)*endpoints>>32]
			for !e.Eligible() {
				e = all[random.IntN(endpoints)]
			}
			kind := OK
			if uint32(x) < math.MaxUint32/oneIn {
				kind = Failed
			}
			e.Begin(0)
			t.Record(e, 0, now, now+time.Millisecond, Outcome{Kind: kind})
			e.End()
		}
		done += float64(n)
		changes, _ := t.Sweep(now+sweepInterval, 1)
		for _, c := range changes {
			if c.To == Down {
				down++
				t.Recover(now+sweepInterval, "test")
				t.Readmit(now+sweepInterval, "test")
			}
		}
		if t.ejected > out {
			ejections += t.ejected - out
		}
		out = t.ejected
	}
	return down, ejections
}

// poisson draws from a Poisson distribution.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n := 0
	for x := r.ExpFloat64(); x < mean; x += r.ExpFloat64() {
		n++
	}
	return n
}

// The bound is Lorden's: a CUSUM of log-likelihood ratios reaches h at most once
// per e^h attempts on average. With h = ln(attempts in 30 days) that is once in
// 30 days at any rate; 10⁸ calls last 11.6 days, 1.2 days and 2.8 hours at the
// three rates, so that at most 0.39, 0.039 and 0.0039 alarms are to be expected.
func TestNoFalseAlarms(t *testing.T) {
	simulates(t)
	calls := *callsFlag
	var wait sync.WaitGroup
	for i, rate := range []float64{100, 1000, 10000} {
		wait.Go(func() {
			down, ejections := alarms(uint64(i+1), rate, calls, 100)
			bound := calls / math.Exp(alarm(rate))
			t.Logf("%6.0f calls/s: %.0e calls, %.1f h: down %d times (bound: %.2g), %d ejections",
				rate, calls, calls/rate/3600, down, bound, ejections)
			if down != 0 {
				t.Errorf("%v calls/s: down %d times in %.0e calls at 1 %% errors, want never", rate, down, calls)
			}
		})
	}
	wait.Wait()
}

// Errors that are more usual than that are held for the sickness now and then: 2 %
// hardly ever, 5 % about once an hour.
func TestUsualErrors(t *testing.T) {
	simulates(t)
	for _, test := range []struct {
		rate  float64
		oneIn uint32
		most  int
	}{{20, 50, 0}, {100, 50, 0}, {1000, 50, 0}, {20, 20, 30}, {100, 20, 6}, {1000, 20, 2}} {
		const calls = 1e6
		down, _ := alarms(1, test.rate, calls, test.oneIn)
		t.Logf("1 of %d fails, %4.0f calls/s: down %d times in %.1f h", test.oneIn, test.rate, down, calls/test.rate/3600)
		if down > test.most {
			t.Errorf("1 of %d fails, %v calls/s: down %d times", test.oneIn, test.rate, down)
		}
	}
}
