package failover

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	reportWidth = 80
	momentForm  = "2006-01-02 15:04:05.000Z"
)

// String returns the report for a terminal of 80 columns.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "drill %s: %s without %s\n", r.Change, r.Outcome, r.Cloud)
	wrap(&b, "", r.Reason)
	if r.Forced != "" {
		wrap(&b, "FORCED: ", r.Forced)
	}
	if r.Outcome == CapacityCheckFailed {
		fmt.Fprintf(&b, "%s: no call was moved\n", moment(r.Ended))
		return b.String()
	}
	b.WriteByte('\n')
	for _, m := range r.Moments() {
		fmt.Fprintf(&b, "%-4s %-28s %s%s\n", m.Name, m.What, moment(m.At), r.after(m.At))
	}
	rto := "never"
	if !r.Restored.IsZero() {
		rto = r.RTO.Round(time.Millisecond).String()
	}
	fmt.Fprintf(&b, "\nRTO %s, peak burn %.1f, budget spent %s\n", rto, r.PeakBurn, percent(r.BudgetSpent))
	if len(r.Tiers) > 0 {
		fmt.Fprintf(&b, "\n%-34s %9s %7s %7s %8s %8s\n", "tier", "calls", "bad", "shed", "burn", "budget")
		for _, t := range r.Tiers {
			fmt.Fprintf(&b, "%-34s %9d %7d %7d %8.1f %8s\n", fit(t.name(), 34), t.Calls, t.Bad, t.Shed, t.PeakBurn, percent(t.BudgetSpent))
		}
	}
	if len(r.Survivors) > 0 {
		fmt.Fprintf(&b, "\n%-50s %16s %10s\n", "cloud that stayed", "peak utilisation", "peak p99")
		for _, c := range r.Survivors {
			fmt.Fprintf(&b, "%-50s %16s %10s\n", fit(c.name()+" in "+c.Cloud, 50), utilization(c.PeakUtilization), latency(c.PeakP99))
		}
	}
	return b.String()
}

// Markdown returns the report as a document that can be filed.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Drill %s: %s\n\nCloud %s was taken out of use. %s.\n", r.Change, r.Outcome, r.Cloud, r.Reason)
	if r.Outcome == CapacityCheckFailed {
		b.Reset()
		fmt.Fprintf(&b, "# Drill %s: %s\n\nNo call was moved from cloud %s. %s.\n", r.Change, r.Outcome, r.Cloud, r.Reason)
	}
	if r.Forced != "" {
		fmt.Fprintf(&b, "\n**Forced** against a safety rule: %s.\n", r.Forced)
	}
	if r.Outcome == CapacityCheckFailed {
		return b.String()
	}
	b.WriteString("\n| | moment | time | after |\n| --- | --- | --- | --- |\n")
	for _, m := range r.Moments() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Name, m.What, moment(m.At), strings.TrimSpace(r.after(m.At)))
	}
	rto := "never reached"
	if !r.Restored.IsZero() {
		rto = r.RTO.Round(time.Millisecond).String()
	}
	fmt.Fprintf(&b, "\n| RTO | peak burn | budget spent |\n| --- | --- | --- |\n| %s | %.1f | %s |\n", rto, r.PeakBurn, percent(r.BudgetSpent))
	if len(r.Tiers) > 0 {
		b.WriteString("\n| service | tier | protected | calls | bad | shed | peak burn | budget spent |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
		for _, t := range r.Tiers {
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %.1f | %s |\n", t.Service, t.Tier, yes(t.Protected), t.Calls, t.Bad, t.Shed, t.PeakBurn, percent(t.BudgetSpent))
		}
	}
	if len(r.Survivors) > 0 {
		b.WriteString("\n| service | cloud that stayed | peak utilisation | peak p99 |\n| --- | --- | ---: | ---: |\n")
		for _, c := range r.Survivors {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name(), c.Cloud, utilization(c.PeakUtilization), latency(c.PeakP99))
		}
	}
	return b.String()
}

// MarshalJSON writes the report with durations in seconds and moments in RFC 3339;
// what didn't come is left out.
func (r *Report) MarshalJSON() ([]byte, error) {
	type tier struct {
		Service     string  `json:"service"`
		Tier        string  `json:"tier"`
		Protected   bool    `json:"protected"`
		Calls       uint64  `json:"calls"`
		Bad         uint64  `json:"bad"`
		Shed        uint64  `json:"shed"`
		PeakBurn    float64 `json:"peakBurn"`
		BudgetSpent float64 `json:"budgetSpent"`
	}
	type cloud struct {
		Service         string  `json:"service"`
		Protocol        string  `json:"protocol,omitempty"`
		Cloud           string  `json:"cloud"`
		PeakUtilization float64 `json:"peakUtilization,omitempty"`
		PeakP99         float64 `json:"peakP99Seconds,omitempty"`
	}
	out := struct {
		Change      string    `json:"change"`
		Cloud       string    `json:"cloud"`
		Outcome     Outcome   `json:"outcome"`
		Reason      string    `json:"reason"`
		Forced      string    `json:"forced,omitempty"`
		Began       time.Time `json:"t0,omitzero"`
		Planned     time.Time `json:"t1,omitzero"`
		Left        time.Time `json:"t2,omitzero"`
		Restored    time.Time `json:"t3,omitzero"`
		Ended       time.Time `json:"ended,omitzero"`
		RTO         *float64  `json:"rtoSeconds,omitempty"`
		PeakBurn    float64   `json:"peakBurn"`
		BudgetSpent float64   `json:"budgetSpent"`
		Tiers       []tier    `json:"tiers"`
		Survivors   []cloud   `json:"survivors"`
	}{
		Change: r.Change, Cloud: r.Cloud, Outcome: r.Outcome, Reason: r.Reason, Forced: r.Forced,
		Began: r.Began.UTC(), Planned: r.Planned.UTC(), Left: r.Left.UTC(), Restored: r.Restored.UTC(), Ended: r.Ended.UTC(),
		PeakBurn: r.PeakBurn, BudgetSpent: r.BudgetSpent,
		Tiers: []tier{}, Survivors: []cloud{},
	}
	if !r.Restored.IsZero() {
		seconds := r.RTO.Seconds()
		out.RTO = &seconds
	}
	for _, t := range r.Tiers {
		out.Tiers = append(out.Tiers, tier(t))
	}
	for _, c := range r.Survivors {
		out.Survivors = append(out.Survivors, cloud{c.Service, c.Protocol, c.Cloud, c.PeakUtilization, c.PeakP99.Seconds()})
	}
	return json.Marshal(out)
}

// Moment is one of the moments that a report is about.
type Moment struct {
	Name string // T0 to T3, or End
	What string // happened, for a person
	At   time.Time
}

// Moments returns the moments of the report in their order. One that didn't come has a
// zero time.
func (r *Report) Moments() []Moment {
	return []Moment{
		{"T0", "the cloud was to be left", r.Began},
		{"T1", "the plan had it", r.Planned},
		{"T2", "its share was under 1 %", r.Left},
		{"T3", "callers got what they should", r.Restored},
		{"End", "the drill was over", r.Ended},
	}
}

// after returns how long after T0 a moment was.
func (r *Report) after(at time.Time) string {
	if at.IsZero() || !at.After(r.Began) {
		return ""
	}
	return "  +" + brief(at.Sub(r.Began).Round(time.Millisecond))
}

func (c *CloudReport) name() string { return overProtocol(c.Service, c.Protocol) }

func (t *TierReport) name() string {
	name := t.Service + " " + t.Tier
	if t.Protected {
		name += " (protected)"
	}
	return name
}

func moment(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(momentForm)
}

func percent(x float64) string {
	if x > 0 && x < 0.0001 {
		return "< 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", 100*x)
}

func utilization(x float64) string {
	if x == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

func latency(d time.Duration) string {
	if d == 0 {
		return "unknown"
	}
	return d.Round(100 * time.Microsecond).String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// fit cuts a text to a number of characters.
func fit(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// wrap writes a text in lines that fit a terminal.
func wrap(b *strings.Builder, prefix, text string) {
	column := len(prefix)
	b.WriteString(prefix)
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i > 0 && column+1+n > reportWidth:
			b.WriteByte('\n')
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}
