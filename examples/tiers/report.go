package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// report is what came of the run.
type report struct {
	SLA      sla.Report            `json:"sla"`
	Tiers    map[string]sla.Totals `json:"tiers"`
	Made     int64                 `json:"calls"`
	Attempts int64                 `json:"attempts"`
	Promises []verdict             `json:"promises"`
	// StoodStill is for how long this program got no time from its machine: what
	// is lost then says nothing about the library.
	StoodStill time.Duration `json:"stood_still_ns"`

	made  []int64    // by stream
	saved sla.Report // of what the store has
}

// verdict says whether a promise was kept.
type verdict struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func newReport(status balancer.Status, made []int64, attempts int64) *report {
	r := &report{SLA: status.SLA, Tiers: make(map[string]sla.Totals), Attempts: attempts, made: made}
	for _, t := range status.Services[0].Tiers {
		r.Tiers[t.Name] = t.Calls
	}
	for _, n := range made {
		r.Made += n
	}
	return r
}

// verdicts hold the run against what was promised.
func (r *report) verdicts() []verdict {
	left := compliant(r.SLA)
	critical, standard, batch := r.Tiers["critical"], r.Tiers["standard"], r.Tiers["batch"]
	perCall := float64(r.Attempts) / float64(max(1, r.Made))
	return []verdict{
		{left == len(r.SLA.Contracts) && r.SLA.Compliance == 100, fmt.Sprintf(
			"%d of %d contracts have error budget left: compliance is %.4g %%", left, len(r.SLA.Contracts), r.SLA.Compliance)},
		{critical.Shed == 0, fmt.Sprintf("%d critical calls were shed", critical.Shed)},
		{batch.Shed > 0 && 10*standard.Shed < batch.Shed, fmt.Sprintf(
			"what was too much was shed where least was promised: batch %d, standard %d", batch.Shed, standard.Shed)},
		{r.counted() == nil, fmt.Sprintf("each of the %d calls counts once, in its tier and in its contract%s", r.Made, because(r.counted()))},
		{r.same() == nil, "the store has the same counts" + because(r.same())},
		{perCall <= 1.1, fmt.Sprintf("%.3f attempts per call, at most 1.1", perCall)},
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ", but " + err.Error()
}

// counted compares what the router counted with the calls that were made.
func (r *report) counted() error {
	got := make(map[string]uint64)
	for _, c := range r.SLA.Contracts {
		got[c.Name] = c.Good + c.Bad
	}
	for i, s := range streams {
		if name := s.contract.Name; name != "" && got[name] != uint64(r.made[i]) {
			return fmt.Errorf("%s made %d and the router counted %d", name, r.made[i], got[name])
		}
	}
	sum := uint64(0)
	for _, t := range r.Tiers {
		sum += t.Good + t.Bad
	}
	if sum != uint64(r.Made) {
		return fmt.Errorf("the router counted %d", sum)
	}
	return nil
}

// same compares what the router reports with what it has saved.
func (r *report) same() error {
	saved := make(map[string]sla.Counts)
	for _, c := range r.saved.Contracts {
		saved[c.Name] = c.Counts
	}
	for _, c := range r.SLA.Contracts {
		if saved[c.Name] != c.Counts {
			return fmt.Errorf("of %s it has %+v, not %+v", c.Name, saved[c.Name], c.Counts)
		}
	}
	return nil
}

// kept reports whether all promises were kept.
func (r *report) kept() bool {
	for _, v := range r.verdicts() {
		if !v.OK {
			return false
		}
	}
	return true
}

// print prints the report for a person.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", r.SLA)
	for _, v := range r.verdicts() {
		mark := "✓"
		if !v.OK {
			mark = "✗"
		}
		fmt.Fprintf(w, "%s %s\n", mark, v.Text)
	}
	if r.StoodStill > 0 {
		fmt.Fprintf(w, "· for %.1f s in all the machine had no time for this program\n", r.StoodStill.Seconds())
	}
}

// write writes the report to a file, as JSON.
func (r *report) write(file string) error {
	r.Promises = r.verdicts()
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
