package console

import (
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// Changes is the view of drains, shifts and drills: first what is in force, then
// what went wrong within the last hour, what is to come, the next first, and what
// is over, the last first.
type Changes struct {
	At      time.Time `json:"at"`
	Changes []Change  `json:"changes"`
}

// Change is a drain, a shift or a drill.
type Change struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // "drain", "shift" or "drill"
	// Source is "config" if every client with this config follows the change, or
	// "applied" if it is this process's alone.
	Source string `json:"source"`
	Cloud  string `json:"cloud,omitempty"` // that a drain or a drill takes out of use
	// Weights are those that a shift moves to, and From those that it comes from,
	// where they aren't the clouds' own.
	Weights  map[string]uint32 `json:"weights,omitempty"`
	From     map[string]uint32 `json:"from,omitempty"`
	Services []string          `json:"services,omitempty"` // that it concerns; left out: all
	// State is "scheduled", "running", "ended", "aborted", "refused" or "cancelled",
	// since Since.
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// Begins and Ends are those of the occurrence that is in force or comes next,
	// or of the last one.
	Begins time.Time `json:"begins,omitzero"`
	Ends   time.Time `json:"ends,omitzero"`
	// Progress is how much of its way a change that is running has gone.
	Progress float64 `json:"progress"`
	Ramp     float64 `json:"rampMs"`
	Repeat   float64 `json:"repeatMs,omitempty"` // from one start to the next
	Abort    *Abort  `json:"abort,omitempty"`    // when it is given up
	Forced   string  `json:"forced,omitempty"`   // the safety rule that was overridden
	Report   *Report `json:"report,omitempty"`   // of the last drill
}

// Abort says when a change is given up.
type Abort struct {
	Burn     float64 `json:"burn"`     // at this burn rate of a protected tier
	Events   int     `json:"events"`   // and so many bad calls
	Headroom float64 `json:"headroom"` // or with less than this left of a capacity
}

// Report is what a drill has measured.
type Report struct {
	Cloud   string `json:"cloud"`
	Outcome string `json:"outcome"` // of failover.Outcome
	Reason  string `json:"reason,omitempty"`
	Forced  string `json:"forced,omitempty"`
	// Began is T0, Planned T1, Left T2 and Restored T3: see failover.Report. What
	// didn't happen is left out.
	Began    time.Time `json:"began,omitzero"`
	Planned  time.Time `json:"planned,omitzero"`
	Left     time.Time `json:"left,omitzero"`
	Restored time.Time `json:"restored,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	// RTO is from T0 to T3; null if callers did not get what they should.
	RTO         *float64 `json:"rtoMs"`
	PeakBurn    float64  `json:"peakBurn"`
	BudgetSpent float64  `json:"budgetSpent"`
	// Tiers and Survivors are empty if nothing was moved.
	Tiers     []ReportTier  `json:"tiers"`
	Survivors []ReportCloud `json:"survivors"`
}

// ReportTier is a tier during a drill.
type ReportTier struct {
	Service     string  `json:"service"`
	Tier        string  `json:"tier"`
	Protected   bool    `json:"protected"`
	Calls       uint64  `json:"calls"`
	Bad         uint64  `json:"bad"` // failed, late or shed
	Shed        uint64  `json:"shed"`
	PeakBurn    float64 `json:"peakBurn"`
	BudgetSpent float64 `json:"budgetSpent"`
}

// ReportCloud is a cloud that stayed.
type ReportCloud struct {
	Service  string `json:"service"`
	Protocol string `json:"protocol,omitempty"` // of a service that speaks two
	Cloud    string `json:"cloud"`
	// PeakUtilization is that of the plan; null if the capacity is unknown.
	PeakUtilization *float64 `json:"peakUtilization"`
	PeakP99         *float64 `json:"peakP99Ms"`
}

func newChange(c *failover.ChangeStatus) Change {
	v := Change{
		ID: c.ID, Kind: string(c.Kind), Source: string(c.Source), Cloud: c.Cloud, Weights: c.Weights, From: c.From, Services: c.Services,
		State: string(c.State), Reason: c.Reason, Since: c.Since, Begins: c.Begins, Ends: c.Until, Progress: tidy(c.Progress),
		Ramp: inMillis(c.Ramp), Repeat: inMillis(c.Repeat), Forced: c.Forced,
	}
	if c.Abort != (failover.AbortSettings{}) {
		v.Abort = &Abort{c.Abort.Burn, c.Abort.Events, c.Abort.Headroom}
	}
	if c.Report != nil {
		v.Report = newReport(c.Report)
	}
	return v
}

func newReport(r *failover.Report) *Report {
	v := &Report{
		Cloud: r.Cloud, Outcome: string(r.Outcome), Reason: r.Reason, Forced: r.Forced,
		Began: r.Began, Planned: r.Planned, Left: r.Left, Restored: r.Restored, Ended: r.Ended,
		PeakBurn: tidy(r.PeakBurn), BudgetSpent: tidy(r.BudgetSpent), Tiers: []ReportTier{}, Survivors: []ReportCloud{},
	}
	if !r.Restored.IsZero() {
		v.RTO = new(inMillis(r.RTO))
	}
	for _, t := range r.Tiers {
		v.Tiers = append(v.Tiers, ReportTier{
			t.Service, t.Tier, t.Protected, t.Calls, t.Bad, t.Shed, tidy(t.PeakBurn), tidy(t.BudgetSpent),
		})
	}
	for _, c := range r.Survivors {
		v.Survivors = append(v.Survivors, ReportCloud{c.Service, c.Protocol, c.Cloud, known(c.PeakUtilization), knownMillis(c.PeakP99)})
	}
	return v
}
