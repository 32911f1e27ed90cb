package failover

import (
	"cmp"
	"slices"
	"time"
)

// Outcome is how a drill ended.
type Outcome string

const (
	// Succeeded means that the drill ran to its end: the cloud was left, callers
	// got what they should, and no abort condition was met.
	Succeeded Outcome = "SUCCEEDED"
	// Failed means that the drill was given up, or that the cloud was not left or
	// callers did not get what they should until its end.
	Failed Outcome = "FAILED"
	// Interrupted means that the drill was ended by an operator or by a new config.
	Interrupted Outcome = "INTERRUPTED"
	// CapacityCheckFailed means that nothing was moved: the clouds that stay
	// could not have carried the protected tiers.
	CapacityCheckFailed Outcome = "CAPACITY_CHECK_FAILED"
)

// Report is what a drill has measured, as one client saw it.
type Report struct {
	Change  string // its ID
	Cloud   string // that was drained
	Outcome Outcome
	Reason  string // for a person
	Forced  string // the safety rule that was overridden; empty if none was

	Began time.Time // T0: the cloud was to be left from here on
	// Planned is T1: the plan had it. Left is T2: no tier's share of the cloud was
	// 1 % or more. Restored is T3: when the first second after that began in which
	// each protected tier's calls met the objective. A moment that didn't come is zero.
	Planned, Left, Restored time.Time
	Ended                   time.Time
	RTO                     time.Duration // T3 − T0, if there is a T3

	PeakBurn    float64 // the highest burn rate of a protected tier, since T0
	BudgetSpent float64 // the largest part of a protected tier's budget that was spent: 0.02 is 2 %
	Tiers       []TierReport
	Survivors   []CloudReport
}

// TierReport is about one tier of one service, whatever the protocol. Without protected tiers all count
// as such.
type TierReport struct {
	Service, Tier string
	Protected     bool
	Calls         uint64
	Bad           uint64  // failed or late, and those shed
	Shed          uint64  // of the bad ones
	PeakBurn      float64 // times as fast as the objective allows
	BudgetSpent   float64 // of the budget of the objective's window, at the rate of calls during the drill
}

// CloudReport is about a cloud that stayed.
type CloudReport struct {
	Service, Cloud  string
	Protocol        string        // of a service that speaks two; else empty
	PeakUtilization float64       // by the plan, 0…1; 0 if its capacity is unknown
	PeakP99         time.Duration // of good answers; 0 if there were too few
}

// report sums a drill up.
func (t *trial) report(e *entry, now time.Duration, wall time.Time, state ChangeState, reason string) *Report {
	at := func(moment time.Duration) time.Time {
		if moment < 0 {
			return time.Time{}
		}
		return wall.Add(moment - now)
	}
	r := &Report{
		Change: e.ID, Cloud: e.Cloud, Reason: reason, Forced: e.forced,
		Began: at(t.began), Planned: at(t.planned), Left: at(t.gone), Restored: at(t.well), Ended: wall,
	}
	if t.well >= 0 {
		r.RTO = t.well - t.began
	}
	switch {
	case state == ChangeAborted:
		r.Outcome = Failed
	case state != ChangeEnded:
		r.Outcome = Interrupted
	case t.gone < 0:
		r.Outcome, r.Reason = Failed, "the cloud was not left"
	case t.well < 0 && now-t.gone < recentTime:
		r.Outcome, r.Reason = Failed, "it was over within a second of leaving the cloud, which shows nothing"
	case t.well < 0:
		r.Outcome, r.Reason = Failed, "callers did not get what they should"
	default:
		r.Outcome = Succeeded
	}
	for _, m := range t.order {
		tier := TierReport{
			Service: m.service, Tier: m.tier, Protected: m.watched,
			Calls: m.sum.good + m.sum.bad, Bad: m.sum.bad, Shed: m.shedSum, PeakBurn: m.peak,
		}
		if m.window > 0 && tier.Calls > 0 && m.target < 1 {
			rate := float64(tier.Bad) / float64(tier.Calls) / (1 - m.target)
			tier.BudgetSpent = rate * (now - t.began).Seconds() / m.window.Seconds()
		}
		if tier.Protected {
			r.PeakBurn, r.BudgetSpent = max(r.PeakBurn, tier.PeakBurn), max(r.BudgetSpent, tier.BudgetSpent)
		}
		r.Tiers = append(r.Tiers, tier)
	}
	for _, m := range t.stay {
		r.Survivors = append(r.Survivors, CloudReport{Service: m.service, Protocol: m.protocol, Cloud: m.cloud, PeakUtilization: m.utilization, PeakP99: m.p99})
	}
	slices.SortStableFunc(r.Survivors, func(a, b CloudReport) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Cloud, b.Cloud), cmp.Compare(a.Protocol, b.Protocol))
	})
	return r
}
