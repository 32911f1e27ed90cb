package health

import (
	"fmt"
	"math"
	"time"
)

// The failing test is a CUSUM (Page, 1954) on the log-likelihood ratio of two
// hypotheses about the attempts: healthy, 1 % end badly, and sick, 50 % do. The
// score sums up the evidence for sickness and never falls below zero. If the
// target is healthy, a score of h is reached at most once per e^h attempts on
// average (Lorden, 1971).
var (
	badEvidence  = math.Log(0.50 / 0.01) // of one bad attempt: 3.91
	goodEvidence = math.Log(0.50 / 0.99) // of one good one: −0.68
)

const (
	// sweepInterval is the time between two sweeps that the clamps below are
	// meant for.
	sweepInterval = 50 * time.Millisecond
	// falseAlarms is how far apart false alarms are, at least.
	falseAlarms = 30 * 24 * time.Hour
	// voices is how many endpoints at least share in a verdict. Where there are
	// fewer, each may say more: otherwise it would take six sweeps to see that
	// an only endpoint is gone.
	voices = 6
)

// evidence is what an endpoint's attempts since the last sweep say. Its amount
// is limited, so that one crashed endpoint of ten can eject itself and not the
// cloud.
func evidence(good, bad uint64, limit float64) float64 {
	return max(-limit, min(limit, float64(bad)*badEvidence+float64(good)*goodEvidence))
}

// evidenceLimit is the most that one of n endpoints may say in a sweep that
// covers the time elapsed: one bad attempt's worth per sweepInterval.
func evidenceLimit(elapsed time.Duration, n int) float64 {
	intervals := max(1, min(4, float64(elapsed)/float64(sweepInterval)))
	return badEvidence * intervals * max(1, voices/float64(n))
}

// alarm is the score at which a target with that many attempts per second is
// taken to be sick: one false alarm in 30 days if it isn't. Fewer than one
// attempt per second count as one.
func alarm(rate float64) float64 { return math.Log(max(1, rate) * falseAlarms.Seconds()) }

// cusum is the failing test of one target.
type cusum struct {
	score     float64
	good, bad uint64        // the attempts since the score was last zero
	since     time.Duration // when it was
}

// step adds the evidence that the attempts between then and now gave.
func (c *cusum) step(then time.Duration, evidence float64, good, bad uint64) {
	if c.score == 0 {
		c.good, c.bad, c.since = 0, 0, then
	}
	c.score = max(0, c.score+evidence)
	c.good, c.bad = c.good+good, c.bad+bad
}

func (c *cusum) String(now time.Duration) string {
	return fmt.Sprintf("failing: %d of %d attempts in the last %v", c.bad, c.good+c.bad, rounded(now-c.since))
}

// rounded makes a duration readable.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
