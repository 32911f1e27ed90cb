package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
	"github.com/fairlead-go/fairlead/internal/sim"
)

// report is what came of a replay.
type report struct {
	Demand   string    `json:"demand"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Seed     uint64    `json:"seed"`
	Calls    uint64    `json:"calls"`
	Attempts uint64    `json:"attempts"`
	Tiers    []tier    `json:"tiers"`
	Days     []day     `json:"days"`
	ShedDays []string  `json:"shed_days"` // on which anything was shed

	promises []promise
}

// tier is what became of the calls of a tier. Good ones were answered within the
// objective, late ones after it.
type tier struct {
	Tier   string `json:"tier"`
	Calls  uint64 `json:"calls"`
	Good   uint64 `json:"good"`
	Late   uint64 `json:"late"`
	Shed   uint64 `json:"shed"`
	Failed uint64 `json:"failed"`
	// P99 is that of the whole time, or the worst of any 5 s of a day.
	P99 float64 `json:"p99_ms"`
}

// day is one day of the data.
type day struct {
	Day   string  `json:"day"`
	Peak  float64 `json:"peak_per_second"` // the most calls offered in any 5 s
	Tiers []tier  `json:"tiers"`
}

func (t *tier) add(s *sim.TierSample) {
	t.Calls += s.Offered
	t.Good += s.Good
	t.Late += s.Late
	t.Shed += s.Shed
	t.Failed += s.Failed
	t.P99 = max(t.P99, millis(s.P99))
}

// newReport sums up a result.
func newReport(d *demand, s *sim.Scenario, r *sim.Result) *report {
	of := &report{
		Demand: d.source, From: d.start, Until: d.at(len(d.values)), Seed: s.Seed, Attempts: r.Attempts(), ShedDays: []string{},
	}
	named := func() []tier {
		tiers := make([]tier, len(r.Tiers))
		for i := range tiers {
			tiers[i].Tier = r.Tiers[i].Name
		}
		return tiers
	}
	of.Tiers = named()
	for i := range r.Samples {
		sample := &r.Samples[i]
		name := d.dataTime(min(sample.From, s.Duration-1)).Format(dayLayout)
		if n := len(of.Days); n == 0 || of.Days[n-1].Day != name {
			of.Days = append(of.Days, day{Day: name, Tiers: named()})
		}
		today := &of.Days[len(of.Days)-1]
		offered, shed := uint64(0), uint64(0)
		for k := range sample.Tiers {
			t := &sample.Tiers[k]
			of.Tiers[k].add(t)
			today.Tiers[k].add(t)
			offered += t.Offered
			shed += t.Shed
		}
		if lasted := sample.Until - sample.From; lasted == sampleEvery {
			today.Peak = max(today.Peak, float64(offered)/lasted.Seconds())
		}
		of.Calls += offered
		if shed > 0 && !slices.Contains(of.ShedDays, name) {
			of.ShedDays = append(of.ShedDays, name)
		}
	}
	for k := range of.Tiers {
		var all histogram.Snapshot
		all.Add(&r.Tiers[k].Latency)
		of.Tiers[k].P99 = millis(all.Quantile(0.99))
	}
	of.judge()
	return of
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// refused counts the calls that were shed, and those that failed. Here they fail for
// one reason: servers that had too much to do pushed them back until they had no
// attempt left.
func (r *report) refused() (shed, failed uint64) {
	for _, t := range r.Tiers {
		shed += t.Shed
		failed += t.Failed
	}
	return shed, failed
}

// promise is one and whether it was kept.
type promise struct {
	kept bool
	text string
}

// Of a series of ordinary days at most 0.5 % of the calls are shed, by callers or by
// servers. The made-up day
// is short and has a spike that no autoscaler can follow.
const mostShed, mostShedMadeUp = 0.005, 0.02

// judge holds the replay against what was promised.
func (r *report) judge() {
	for _, t := range r.Tiers {
		if t.Tier == critical {
			r.promises = append(r.promises, promise{t.Good == t.Calls, fmt.Sprintf(
				"%d of %d critical calls were answered in time; %d shed, %d late, %d failed", t.Good, t.Calls, t.Shed, t.Late, t.Failed)})
		}
	}
	limit := mostShed
	if len(r.Days) < 7 {
		limit = mostShedMadeUp
	}
	shed, failed := r.refused()
	refused := float64(shed+failed) / float64(max(r.Calls, 1))
	attempts := float64(r.Attempts) / float64(max(r.Calls, 1))
	r.promises = append(r.promises,
		promise{refused <= limit, fmt.Sprintf("%.2f %% of all calls were shed (%d) or pushed back by servers to the end (%d), at most %.1f %%",
			100*refused, shed, failed, 100*limit)},
		promise{attempts <= 1.1, fmt.Sprintf("%.3f attempts per call, at most 1.1", attempts)})
}

func (r *report) kept() bool {
	return !slices.ContainsFunc(r.promises, func(p promise) bool { return !p.kept })
}

// print prints the report for a person.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%-10s%10s%10s%8s%8s%8s%11s\n", "tier", "calls", "good", "late", "shed", "failed", "p99")
	for _, t := range r.Tiers {
		fmt.Fprintf(w, "%-10s%10d%10d%8d%8d%8d%8.0f ms\n", t.Tier, t.Calls, t.Good, t.Late, t.Shed, t.Failed, t.P99)
	}
	if len(r.ShedDays) > 0 {
		fmt.Fprintf(w, "\nof %d days, %d on which calls were shed\n", len(r.Days), len(r.ShedDays))
		for _, d := range r.Days {
			if slices.Contains(r.ShedDays, d.Day) {
				fmt.Fprintf(w, "%s  up to %.0f calls/s; shed:", d.Day, d.Peak)
				for _, t := range d.Tiers {
					fmt.Fprintf(w, " %s %d", t.Tier, t.Shed)
				}
				fmt.Fprintln(w)
			}
		}
	}
	fmt.Fprintln(w)
	for _, p := range r.promises {
		mark := "✓"
		if !p.kept {
			mark = "✗"
		}
		fmt.Fprintf(w, "%s %s\n", mark, p.text)
	}
}

// WriteTo writes the report as JSON.
func (r *report) WriteTo(w io.Writer) (int64, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(data, '\n'))
	return int64(n), err
}

// write writes a file.
func write(file string, to func(io.Writer) (int64, error)) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := to(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
