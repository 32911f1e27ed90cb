package sla

import "math"

// BudgetLeft returns the part of the error budget that is left: 1 is all of it, 0
// none, and below 0 more was spent than there was.
//
//	budget = (1 − target) · (good + bad)
//	left   = 1 − bad / budget
//
// It is 1 if there were no calls. A budget that is spent to the last call is 0,
// whatever the rounding of the target.
func BudgetLeft(c Counts, target float64) float64 {
	if c.Bad == 0 {
		return 1
	}
	left := 1 - float64(c.Bad)/((1-target)*(float64(c.Good)+float64(c.Bad)))
	if math.Abs(left) < 1e-9 {
		return 0
	}
	return left
}

// Standing is how a promise stands at one moment.
type Standing struct {
	Objective
	// Counts are the calls of the objective's window.
	Counts
	// Left is the part of the error budget that is left: see [BudgetLeft]. What
	// is spent is 1 − Left.
	Left float64 `json:"budget_left"`
	// Burns are the burn rates, in the order of [BurnRules].
	Burns [3]Burn `json:"burns"`
}

// Compliant reports whether there is error budget left.
func (s Standing) Compliant() bool { return s.Left > 0 }

// GoodPart returns the part of the calls that were good, 1 if there were none.
func (s Standing) GoodPart() float64 {
	if s.Bad == 0 {
		return 1
	}
	return float64(s.Good) / (float64(s.Good) + float64(s.Bad))
}
