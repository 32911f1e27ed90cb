package failover

import (
	"math"
	"time"
)

// Panic says what to do with the calls of a tier when too few of its clouds
// are left to serve them.
type Panic string

const (
	// PanicSpread sends the calls to all the clouds that the tier allows and
	// no operator drained, by weight, whatever their health: the detectors may
	// be wrong, and an error costs no more than a refusal.
	PanicSpread Panic = "spread"
	// PanicFail fails the calls at once.
	PanicFail Panic = "fail"
)

// Settings bound what failover does by itself. The zero value means the
// defaults.
type Settings struct {
	// Panic says what happens to the calls of a tier that has fewer than
	// minClouds clouds left: "spread" sends them to all allowed and undrained
	// clouds by weight, "fail" fails them at once. Default: spread.
	Panic Panic
	// MinClouds is the least number of clouds that a tier may be squeezed onto
	// automatically; with fewer left, panic decides. The plan counts
	// undrained clouds only, and where all of them serve, however few, nothing
	// is squeezed. A drain itself is refused if it would leave a tier fewer.
	// Range: 1 or more. Default: 1, one cloud carries everything.
	MinClouds int
	// HoldDown is how long a lost cloud must give good answers before it gets
	// calls again. It is twice as long when the cloud is lost again within 5 min
	// of service, and doubles further each time there was less than a minute
	// of service in between. Range: above 0. Default: 1s.
	HoldDown time.Duration
	// HoldDownMax is the longest hold-down. Range: HoldDown or more.
	// Default: 5m.
	HoldDownMax time.Duration
	// Slope is how much of all calls may move to or from a cloud in one
	// second, where nothing forces a faster move: 0.1 is 10 points of share.
	// The loss or drain of a cloud is not slowed down. Range: above 0, at
	// most 1. Default: 0.1.
	Slope float64
	// ChangeInterval is the least time between a drill or shift and another change
	// that began or ended before: what one did should be seen before the next. A
	// drain need not wait. Range: 1s to 24h. Default: 1m.
	ChangeInterval time.Duration
}

// WithDefaults returns s with a default in the place of each value that is
// missing or out of range.
func (s Settings) WithDefaults() Settings {
	if s.Panic != PanicFail {
		s.Panic = PanicSpread
	}
	if s.MinClouds < 1 {
		s.MinClouds = 1
	}
	if s.HoldDown <= 0 {
		s.HoldDown = time.Second
	}
	if s.HoldDownMax <= 0 {
		s.HoldDownMax = 5 * time.Minute
	}
	s.HoldDownMax = max(s.HoldDownMax, s.HoldDown)
	if !(s.Slope > 0 && s.Slope <= 1) { // also true for NaN
		s.Slope = 0.1
	}
	if s.ChangeInterval <= 0 {
		s.ChangeInterval = time.Minute
	}
	return s
}

// BudgetSettings bound the retries of one service. The zero value means the
// defaults.
type BudgetSettings struct {
	// Fraction is how many retries each first attempt pays for: 0.1 allows one
	// retry for ten calls. Range: above 0. Default: 0.1.
	Fraction float64
	// Bank is how long an unused retry may be saved up for later; 10 retries may
	// be in any case. Range: above 0. Default: 10s.
	Bank time.Duration
	// Floor is the number of retries per second that are allowed however few
	// calls there are. It is that of each client: many clients with few calls
	// each add up to many retries. Range: above 0. Default: 0.1.
	Floor float64
}

// WithDefaults returns s with a default in the place of each value that is
// missing or out of range.
func (s BudgetSettings) WithDefaults() BudgetSettings {
	if !positive(s.Fraction) {
		s.Fraction = 0.1
	}
	if s.Bank <= 0 {
		s.Bank = 10 * time.Second
	}
	if !positive(s.Floor) {
		s.Floor = 0.1
	}
	return s
}

// positive reports whether x is a finite number above 0.
func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }
