package health

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEvidence(t *testing.T) {
	ln50 := math.Log(50)
	limit := evidenceLimit(sweepInterval, 10)
	near(t, "limit of one of ten", limit, ln50, 1e-9)
	near(t, "limit of one of two", evidenceLimit(sweepInterval, 2), 3*ln50, 1e-9)
	near(t, "limit of a late sweep", evidenceLimit(2*sweepInterval, 10), 2*ln50, 1e-9)
	near(t, "limit of a very late sweep", evidenceLimit(time.Minute, 10), 4*ln50, 1e-9)
	near(t, "limit of an early sweep", evidenceLimit(sweepInterval/2, 10), ln50, 1e-9)
	near(t, "one bad", evidence(0, 1, limit), ln50, 1e-9)
	near(t, "one good", evidence(1, 0, limit), -0.68310, 1e-5)
	near(t, "many bad", evidence(0, 100, limit), ln50, 1e-9)
	near(t, "many good", evidence(100, 0, limit), -ln50, 1e-9)
	near(t, "nothing", evidence(0, 0, limit), 0, 0)
}

func TestAlarm(t *testing.T) {
	// ln(2,592,000 s × rate)
	near(t, "alarm at 1/s", alarm(1), 14.768, 1e-3)
	near(t, "alarm at 0.01/s", alarm(0.01), 14.768, 1e-3)
	near(t, "alarm at 1000/s", alarm(1000), 21.676, 1e-3)
}

func TestCusumCountsSinceItWasZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c cusum
		score := 0.0
		for i := range 50 {
			e := rapid.Float64Range(-5, 5).Draw(t, "evidence")
			c.step(time.Duration(i), e, 1, 2)
			score = max(0, score+e)
			if c.score != score || c.score < 0 {
				t.Fatalf("score %v, want %v", c.score, score)
			}
			if n := uint64(i) - uint64(c.since) + 1; c.good != n || c.bad != 2*n {
				t.Fatalf("%d good and %d bad since %v, at %d", c.good, c.bad, c.since, i)
			}
		}
	})
}
