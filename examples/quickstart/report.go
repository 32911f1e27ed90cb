package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

// report is what came of the run. Calls belong to the phase in which they
// ended, attempts to the one in which they began.
type report struct {
	Phases   []phaseReport `json:"phases"`
	Calls    int           `json:"calls"`
	Attempts int           `json:"attempts"`
	Failed   int           `json:"failed"`

	course string  // of onprem's share
	rise   float64 // the most that onprem's share grew from one second to the next
}

// phaseReport is what came of one phase.
type phaseReport struct {
	Name  string       `json:"name"`
	Tiers []tierReport `json:"tiers"`
	// Shares are the parts of the attempts that went to each cloud.
	Shares map[string]float64 `json:"shares"`
	// Detect is the time from the fault until the router knew, RTO until the
	// share of the dead cloud was under 1 % and stayed so, measured on the
	// attempts sent, in slices of 50 ms. Both are null in a phase without a
	// fault, and where it didn't happen.
	Detect *float64 `json:"detect_ms"`
	RTO    *float64 `json:"rto_ms"`

	lasted time.Duration
	lost   string // the cloud that was lost, if any
	calls  int
}

type tierReport struct {
	Tier   string  `json:"tier"`
	Calls  int     `json:"calls"`
	Failed int     `json:"failed"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

// newReport measures the phases.
func newReport(phases []phase, all record) *report {
	end := phases[len(phases)-1].end
	r := &report{Attempts: len(all.attempts), course: all.course("onprem", end), rise: all.rise("onprem", end)}
	for _, p := range phases {
		of := phaseReport{Name: p.name, Shares: all.shares(p.begin, p.end), lasted: p.end - p.begin, lost: p.lost}
		for _, f := range all.tiers(p.begin, p.end) {
			of.Tiers = append(of.Tiers, tierReport{Tier: f.tier, Calls: f.calls, Failed: f.failed, P50: inMillis(f.p50), P99: inMillis(f.p99)})
			of.calls += f.calls
			r.Failed += f.failed
		}
		if p.lost != "" {
			if after, ok := all.detected(p.lost, p.begin, p.end); ok {
				of.Detect = new(inMillis(after))
			}
			if after, ok := all.evacuated(p.lost, p.begin, p.end); ok {
				of.RTO = new(inMillis(after))
			}
		}
		r.Calls += of.calls
		r.Phases = append(r.Phases, of)
	}
	return r
}

// rise returns the most that the share of a cloud grew from one second to the
// next.
func (r *record) rise(cloud string, end time.Duration) float64 {
	most := 0.0
	for from := time.Second; from+time.Second <= end; from += time.Second {
		before, after := r.shares(from-time.Second, from), r.shares(from, from+time.Second)
		most = max(most, after[cloud]-before[cloud])
	}
	return most
}

// inMillis returns a duration in milliseconds, to the microsecond.
func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// failed returns the number of calls of a tier that failed.
func (r *report) failed(tier string) int {
	failed := 0
	for _, p := range r.Phases {
		for _, t := range p.Tiers {
			if t.Tier == tier {
				failed += t.Failed
			}
		}
	}
	return failed
}

// write writes the report to a file, as JSON.
func (r *report) write(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// print prints the report for a person.
func (r *report) print(w io.Writer) {
	clouds := slices.Sorted(maps.Keys(r.Phases[0].Shares))
	fmt.Fprintf(w, "\n%-13s%8s  %-9s%8s%8s%10s%10s", "phase", "lasted", "tier", "calls", "failed", "p50", "p99")
	for _, name := range clouds {
		fmt.Fprintf(w, "%9s", name)
	}
	fmt.Fprintln(w)
	for _, p := range r.Phases {
		for i, t := range p.Tiers {
			name, lasted := "", ""
			if i == 0 {
				name, lasted = p.Name, seconds(p.lasted)
			}
			fmt.Fprintf(w, "%-13s%8s  %-9s%8d%8d%7.1f ms%7.1f ms", name, lasted, t.Tier, t.Calls, t.Failed, t.P50, t.P99)
			if i == 0 {
				for _, name := range clouds {
					fmt.Fprintf(w, "%7.1f %%", 100*p.Shares[name])
				}
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintf(w, "\nshare of onprem, second by second\n%s\n\n", r.course)
	for _, v := range r.verdicts() {
		mark := "✓"
		if !v.ok {
			mark = "✗"
		}
		fmt.Fprintf(w, "%s %s\n", mark, v.text)
	}
}
