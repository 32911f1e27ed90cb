package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// print prints what happened in each phase, and which promises were kept. It
// reports whether all were.
func (j *journal) print() (kept bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	clouds := slices.Sorted(maps.Keys(split))
	fmt.Fprintf(j.out, "\n%-13s%8s  %-9s%8s%8s%10s", "phase", "lasted", "calls", "number", "failed", "longest")
	for _, cloud := range clouds {
		fmt.Fprintf(j.out, "%9s", cloud)
	}
	fmt.Fprintln(j.out)
	for _, r := range j.phases {
		lead := fmt.Sprintf("%-13s%6.1f s", r.name, (r.ended - r.began).Seconds())
		for _, tier := range tierNames {
			j.row(lead, tier, r.calls[tier], clouds)
			lead = ""
		}
		j.row(lead, "streams", &r.streams, clouds)
	}
	fmt.Fprintf(j.out, "\nThe longest of streams is the longest time without a position, which should come every %v.\n\n", positionEvery)

	kept = true
	for _, v := range j.verdicts() {
		mark := "✓"
		if !v.ok {
			mark, kept = "✗", false
		}
		fmt.Fprintf(j.out, "%s %s\n", mark, v.text)
	}
	if j.why != nil {
		fmt.Fprintf(j.out, "\nthe first failure: %v\n", j.why)
	}
	return kept
}

// row prints one line of the table.
func (j *journal) row(lead, name string, t *tally, clouds []string) {
	fmt.Fprintf(j.out, "%-21s  %-9s%8d%8d%7.0f ms", lead, name, t.number, t.failed, t.longest.Seconds()*1000)
	for _, cloud := range clouds {
		fmt.Fprintf(j.out, "%7.1f %%", 100*t.share(cloud))
	}
	fmt.Fprintln(j.out)
}

// share is the part of the good ones that were in a cloud, 0 if there were none.
func (t *tally) share(cloud string) float64 {
	return float64(t.clouds[cloud]) / float64(max(1, t.number-t.failed))
}

// verdict says whether a promise was kept.
type verdict struct {
	ok   bool
	text string
}

// verdicts hold what happened against what was promised. The caller holds mu.
func (j *journal) verdicts() []verdict {
	var total record
	var of struct{ calls, failed, critical int }
	for _, r := range j.phases {
		for tier, t := range r.calls {
			of.calls += t.number
			of.failed += t.failed
			if tier == critical {
				of.critical += t.failed
			}
		}
		total.streams.number += r.streams.number
		total.streams.failed += r.streams.failed
		total.streams.longest = max(total.streams.longest, r.streams.longest)
		total.broken += r.broken
		total.moved += r.moved
		total.wrong += r.wrong
		total.attempts += r.attempts
	}
	all := []verdict{
		{of.critical == 0, fmt.Sprintf("%d critical calls failed; of all tiers %d of %d", of.critical, of.failed, of.calls)},
		{total.streams.failed == 0, fmt.Sprintf("%d of %d streams failed before their first position", total.streams.failed, total.streams.number)},
		{total.moved == total.broken, fmt.Sprintf("%d streams broke off, %d of them went on in another cloud", total.broken, total.moved)},
		{total.wrong == 0, fmt.Sprintf("%d positions were missing or came twice", total.wrong)},
		{total.streams.longest <= time.Second, fmt.Sprintf("no vehicle was silent for more than %d ms, at most 1,000", total.streams.longest.Milliseconds())},
	}
	for _, r := range j.phases {
		if r.lost != "" {
			fault := r.lost + " " + r.name
			all = append(all,
				knownInTime(fault, r.down),
				verdict{r.last <= time.Second, fmt.Sprintf("%s: the last attempt there after %d ms, at most 1,000", fault, r.last.Milliseconds())})
		}
	}
	made := float64(total.attempts) / float64(max(1, of.calls+total.streams.number))
	return append(all,
		verdict{made <= 1.1, fmt.Sprintf("%.3f attempts per call, at most 1.1", made)},
		j.phases[len(j.phases)-1].asConfigured())
}

// knownInTime judges the time after which a lost cloud was known to be down, nil if
// it never was. It may be 0: in virtual time all answers of a cloud that is killed
// fail at once.
func knownInTime(fault string, after *time.Duration) verdict {
	if after == nil {
		return verdict{false, fault + ": never known to be down"}
	}
	return verdict{*after <= time.Second, fmt.Sprintf("%s: known to be down after %d ms, at most 1,000", fault, after.Milliseconds())}
}

// asConfigured judges the split of the phase's calls.
func (r *record) asConfigured() verdict {
	onprem, n := 0, 0
	for _, t := range r.calls {
		onprem += t.clouds["onprem"]
		n += t.number
	}
	share := float64(onprem) / float64(max(1, n))
	return verdict{math.Abs(share-split["onprem"]) <= 0.06, // four standard deviations of 1,000 calls
		fmt.Sprintf("in the end onprem has %.1f %% of %d calls, as configured: 70 %% ± 6 points", 100*share, n)}
}
