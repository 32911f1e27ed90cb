package health

import (
	"testing"
	"time"
)

// only fails the test if the target changed in a way that isn't allowed.
func only(t *testing.T, seed int, seen []Change, allowed ...State) {
	t.Helper()
	for _, c := range seen {
		ok := c.From == Unknown && c.To == Healthy
		for _, s := range allowed {
			ok = ok || c.To == s
		}
		if !ok {
			t.Errorf("trial %d: %v → %v at %v: %s", seed, c.From, c.To, c.At, c.Reason)
		}
	}
}

func TestOneCrashedEndpointOfTenMovesNothing(t *testing.T) {
	simulates(t)
	for _, c := range []conditions{{dead: true}, {mute: true}} {
		for _, rate := range []float64{20, 200, 2000} {
			for seed := range 100 {
				w := newWorld(uint64(seed), rate, 10)
				w.probing = true
				w.run(5*time.Second, nil)
				w.suffer(c, seed%10)
				w.run(w.now+max(3*time.Second, time.Duration(1000/rate)*time.Second), nil)
				only(t, seed, w.seen)
				if w.all[seed%10].Eligible() && rate > 20 {
					t.Errorf("trial %d, %+v: the endpoint is not ejected after %v", seed, c, w.now)
				}
				if t.Failed() {
					t.Fatalf("at %v calls/s, %+v", rate, c)
				}
			}
		}
	}
}

// One answer in a hundred takes 100 times as long: 1.5 s.
func TestOneSlowAnswerInAHundredTripsNothing(t *testing.T) {
	simulates(t)
	for _, rate := range []float64{5, 20, 200, 2000} {
		for seed := range 20 {
			w := newWorld(uint64(seed), rate, 10)
			w.probing, w.slow = true, 0.01
			w.run(max(20*time.Second, time.Duration(min(600, 10000/rate))*time.Second), nil)
			if only(t, seed, w.seen); t.Failed() {
				t.Fatalf("at %v calls/s", rate)
			}
		}
	}
}

// A cloud 40 ms further away is healthy, whether it always was or a route
// changed, and however good the other cloud is.
func TestFortyMillisecondsFurtherAwayIsHealthy(t *testing.T) {
	simulates(t)
	for _, rate := range []float64{20, 200, 2000} {
		for seed := range 20 {
			w := newWorld(uint64(seed), rate, 10)
			w.away = time.Duration(seed%2) * 40 * time.Millisecond
			w.run(10*time.Second, nil)
			w.away = 40 * time.Millisecond
			w.run(30*time.Second, nil)
			only(t, seed, w.seen)
		}
	}
}

// Ten times slower is degraded for as long as it lasts and healthy soon after.
func TestSlowerIsDegradedUntilItEnds(t *testing.T) {
	simulates(t)
	for _, rate := range []float64{200, 2000} {
		for seed := range 10 {
			w := newWorld(uint64(seed), rate, 10)
			w.run(10*time.Second, nil)
			w.suffer(conditions{slower: 10})
			w.run(40*time.Second, nil)
			if w.State() != Degraded || w.Quality() > 0.5 {
				t.Errorf("trial %d, %v calls/s: %v with quality %.2f after 30 s of slowness: %s", seed, rate, w.State(), w.Quality(), w.Reason())
			}
			w.suffer(conditions{})
			w.run(45*time.Second, nil)
			if w.State() != Healthy || w.Quality() < 0.95 {
				t.Errorf("trial %d, %v calls/s: %v with quality %.2f 5 s after the end: %s", seed, rate, w.State(), w.Quality(), w.Reason())
			}
			if len(w.seen) != 3 {
				t.Errorf("trial %d: changes %+v, want three", seed, w.seen)
			}
		}
	}
}

// A healed cloud has answered within a second or so, however many endpoints it
// has, and whatever the backoff of their probes has come to.
func TestHealedCloudAnswersSoon(t *testing.T) {
	simulates(t)
	for _, ill := range []conditions{{dead: true}, {mute: true}} {
		for _, endpoints := range []int{1, 2, 10, 500} {
			for seed := range 10 {
				w := newWorld(uint64(seed), 200, endpoints)
				w.probing = true
				w.run(3*time.Second, nil)
				w.suffer(ill)
				w.run(40*time.Second+time.Duration(seed)*70*time.Millisecond, nil)
				if w.State() != Down || w.Answered() {
					t.Fatalf("%d endpoints: %v, answered %v while all are ill", endpoints, w.State(), w.Answered())
				}
				healed := w.now
				w.suffer(conditions{})
				for !w.Answered() && w.now < healed+10*time.Second {
					w.run(w.now+time.Millisecond, nil)
				}
				// Up to a second between probes, or a probe that times out, and
				// a sweep on either side.
				if took := w.now - healed; took > 1200*time.Millisecond {
					t.Errorf("%d endpoints, %+v: answered %v after they were well", endpoints, ill, took)
				}
			}
		}
	}
}

// Four of ten endpoints are lost at once, for good: the cloud falls, and comes
// back without them.
func TestCloudComesBackWithoutItsBrokenPart(t *testing.T) {
	simulates(t)
	for seed := range 20 {
		w := newWorld(uint64(seed), 200, 10)
		w.probing = true
		w.run(3*time.Second, nil)
		w.suffer(conditions{dead: true}, 0, 1, 2, 3)
		w.run(20*time.Second, nil)
		if w.State() == Down {
			if !w.Answered() {
				t.Fatalf("trial %d: not answered: %s", seed, w.Reason())
			}
			w.Recover(w.now, "test")
			w.run(w.now+3*time.Second, nil)
			w.Readmit(w.now, "test")
		}
		w.run(60*time.Second, nil)
		if w.State() != Healthy || w.Healthy() != 0.6 {
			t.Errorf("trial %d: %v, %.1f of its endpoints eligible: %s", seed, w.State(), w.Healthy(), w.Reason())
		}
	}
}

// A cloud that is up and down a second each is never let back by the detectors,
// and its good answers are forgotten at the next bad one.
func TestFlapping(t *testing.T) {
	w := newWorld(1, 200, 10)
	w.probing = true
	w.run(3*time.Second, nil)
	answered, before := 0, false
	for second := range 60 {
		w.suffer(conditions{dead: second%2 == 0})
		for range 100 {
			w.run(w.now+10*time.Millisecond, nil)
			if w.Answered() && !before {
				answered++
			}
			before = w.Answered()
		}
	}
	if only(t, 1, w.seen, Down); len(w.seen) != 2 {
		t.Errorf("changes %+v, want one fall", w.seen)
	}
	if answered < 10 {
		t.Errorf("answered %d times while flapping 30 times", answered)
	}
}
