package sla

import "time"

// BurnRule is a pair of windows and the burn rate at which they alarm. Both must
// burn that fast: the long window makes it significant, the short one ends the
// alarm soon after the fault has ended.
type BurnRule struct {
	Long  time.Duration `json:"long_ns"`
	Short time.Duration `json:"short_ns"`
	// Rate is the burn rate from which on both windows must be.
	Rate float64 `json:"rate"`
	// Page says that somebody should be woken; otherwise a ticket will do.
	Page bool `json:"page"`
}

// BurnRules returns the rules for a window of 30 days (Google, The Site
// Reliability Workbook, chapter 5, "Alerting on SLOs", table 5-8):
//
//	long  short  rate  budget spent meanwhile
//	1 h   5 m    14.4   2 %   page
//	6 h   30 m   6      5 %   page
//	3 d   6 h    1     10 %   ticket
//
// They serve objectives with a shorter window, too: a rate means the same loss
// to callers whatever the window, which is only the sooner spent.
func BurnRules() [3]BurnRule { return burnRules }

var burnRules = [3]BurnRule{
	{Long: time.Hour, Short: 5 * time.Minute, Rate: 14.4, Page: true},
	{Long: 6 * time.Hour, Short: 30 * time.Minute, Rate: 6, Page: true},
	{Long: 3 * 24 * time.Hour, Short: 6 * time.Hour, Rate: 1},
}

// LeastBad is the number of bad calls in the long window without which there is
// no alarm. Otherwise one failure among the 10 calls of a quiet hour would be a
// burn rate of 100.
const LeastBad = 10

// Burn is how a rule stands at one moment.
type Burn struct {
	BurnRule
	LongRate  float64 `json:"long_burn"`
	ShortRate float64 `json:"short_burn"`
	// Bad is the number of bad calls in the long window. It need not be whole:
	// see [Account.Burns].
	Bad float64 `json:"bad"`
	// Firing says that the rule alarms.
	Firing bool `json:"firing"`
}

// BurnRate returns how fast bad calls spend the error budget: 1 spends exactly
// all of it in the objective's window, 14.4 spends that of 30 days in 50 hours.
//
//	burn rate = (bad / (good + bad)) / (1 − target)
//
// It is 0 if there were no calls. Good and bad may be fractions of calls.
func BurnRate(good, bad, target float64) float64 {
	if bad <= 0 {
		return 0
	}
	return bad / (good + bad) / (1 - target)
}

// Paging reports whether a rule fires for which somebody should be woken.
func Paging(burns [3]Burn) bool {
	for _, b := range burns {
		if b.Firing && b.Page {
			return true
		}
	}
	return false
}
