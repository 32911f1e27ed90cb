package health

import "fmt"

const (
	// qualityAnswers is how few answers say nothing about quality, and
	// qualityEnough how many do: the window is as short as has that many, so
	// that busy targets are judged by the last one to two seconds.
	qualityAnswers = 20
	qualityEnough  = 100
	// A target is degraded below the first fraction of the best cloud's quality
	// and well again above the second. Smaller differences move no traffic.
	degradedBelow = 0.90
	restoredAbove = 0.95
	// unlucky is how many answers may lack beyond what degradedBelow allows
	// before they mean anything: two bad ones of twenty are chance.
	unlucky = 3
)

// quality is the part of the outcomes that were good and in time, 1 if there
// were too few.
func quality(c Counts) float64 {
	if c.judged() < qualityAnswers {
		return 1
	}
	return float64(c.OK-c.Slow) / float64(c.judged())
}

// worse reports whether the target that had these outcomes is degraded beside
// a best quality, given that it was before.
func worse(c Counts, best float64, was bool) bool {
	if best <= 0 || c.judged() < qualityAnswers {
		return false
	}
	if was {
		return quality(c) <= restoredAbove*best
	}
	lacking := float64(c.judged() - (c.OK - c.Slow))
	return lacking >= (1-degradedBelow*best)*float64(c.judged())+unlucky
}

// qualityReason tells what the quality is made of.
func qualityReason(c Counts) string {
	return fmt.Sprintf("%d of %d attempts slow, %d bad", c.Slow, c.judged(), c.Bad)
}
