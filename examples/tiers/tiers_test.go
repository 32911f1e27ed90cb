package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// The whole run, in virtual time: all promises are kept, and it tells so.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r, err := run(context.Background(), &screen{out: &out})
		if err != nil {
			t.Fatal(err)
		}
		r.print(&out)
		if !r.kept() || strings.Contains(out.String(), "✗") {
			t.Errorf("a promise was not kept:\n%s", out.String())
		}
		for _, want := range []string{"steady:", "burst:", "slow:", "compliance is 100 %", "5 of 5 contracts have error budget left", "hooli-analytics", "with budget"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(line) - 1; n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		file := filepath.Join(t.TempDir(), "report.json")
		if err := r.write(file); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			SLA      sla.Report `json:"sla"`
			Promises []verdict  `json:"promises"`
		}
		if err := json.Unmarshal(data, &back); err != nil || back.SLA.Compliance != 100 || len(back.SLA.Contracts) != 5 || len(back.Promises) != 6 {
			t.Errorf("%v: %s", err, data)
		}
	})
}

// someStatus is a moment of the burst.
func someStatus() balancer.Status {
	shares := []failover.Share{{Cloud: "gcp", Fraction: 0.4}, {Cloud: "onprem", Fraction: 0.6}}
	return balancer.Status{
		Services: []balancer.ServiceStatus{{
			Clouds: []balancer.CloudStatus{{Name: "gcp", State: health.Healthy}, {Name: "onprem", State: health.Degraded}},
			Tiers: []balancer.TierStatus{
				{Name: "critical", Shares: shares, Calls: sla.Totals{Good: 1000}},
				{Name: "standard", Shares: shares, Calls: sla.Totals{Good: 990, Bad: 10, Shed: 5}},
				{Name: "batch", Shares: shares, Calls: sla.Totals{Good: 200, Bad: 800, Shed: 800}},
			},
		}},
		SLA: sla.NewReport(time.Unix(0, 0), []sla.ContractStanding{{Name: "acme-dispatch", Standing: sla.Standing{Left: 1}}}, nil),
	}
}

func TestTable(t *testing.T) {
	c := scene{phase: phase{name: "burst", says: "too much"}, since: 7 * time.Second, status: someStatus()}
	lines := table(c)
	for _, want := range []string{
		"fairlead tiers   7 s  burst: too much",
		"gcp      healthy    critical  40 %  standard  40 %  batch  40 %",
		"onprem   degraded   critical  60 %  standard  60 %  batch  60 %",
		"batch           200      800      800",
		"1970-01-01 00:00:00 UTC: 1 of 1 contracts have error budget left, 100 %",
	} {
		if !strings.Contains(strings.Join(lines, "\n")+"\n", want+"\n") {
			t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	// On a terminal it is drawn in its own place.
	var out strings.Builder
	s := &screen{out: &out, live: true}
	s.show(c)
	s.show(c)
	if !strings.Contains(out.String(), fmt.Sprintf("\x1b[%dA\x1b[2K", len(lines))) {
		t.Errorf("%q", out.String())
	}
	// The report takes its place.
	s.clear()
	if want := fmt.Sprintf("\x1b[%dA\x1b[J", len(lines)); !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q", out.String())
	}
}

func TestLines(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out}
	c := scene{phase: phase{name: "burst", says: "too much"}, since: 6 * time.Second, status: someStatus()}
	s.show(c)
	s.show(c) // within the second
	c.since, c.status.Services[0].Tiers[2].Calls = 7*time.Second, sla.Totals{Good: 201, Bad: 803, Shed: 803}
	s.show(c)
	want := `       share of calls            good calls in a second, of all   contracts
          gcp  onprem      critical      standard         batch with budget

burst: too much
  6 s    40 %    60 %  1000 of 1000   990 of 1000   200 of 1000      1 of 1
  7 s    40 %    60 %        0 of 0        0 of 0        1 of 4      1 of 1
`
	if out.String() != want {
		t.Errorf("got:%s\nwant:%s", out.String(), want)
	}
}

// Each promise can be broken, and is told to be.
func TestVerdicts(t *testing.T) {
	keeping := func() *report {
		r := &report{Tiers: map[string]sla.Totals{"critical": {Good: 2}, "standard": {Good: 2}, "batch": {Good: 2, Bad: 4, Shed: 3}}, Made: 10, Attempts: 11, made: make([]int64, len(streams))}
		var contracts []sla.ContractStanding
		for i, s := range streams {
			if r.made[i] = 1; s.contract.Name != "" {
				contracts = append(contracts, sla.ContractStanding{Name: s.contract.Name, Standing: sla.Standing{Left: 0.5, Counts: sla.Counts{Good: 1}}})
			}
		}
		r.SLA = sla.NewReport(time.Unix(0, 0), contracts, nil)
		r.saved = sla.NewReport(time.Unix(0, 0), append([]sla.ContractStanding{}, contracts...), nil)
		return r
	}
	if r := keeping(); !r.kept() {
		t.Fatalf("%+v", r.verdicts())
	}
	for i, breaks := range []func(*report){
		func(r *report) {
			r.SLA.Contracts[0].Left = 0
			r.SLA = sla.NewReport(r.SLA.At, r.SLA.Contracts, nil)
		},
		func(r *report) { r.Tiers["critical"] = sla.Totals{Good: 1, Bad: 1, Shed: 1} },
		func(r *report) { r.Tiers["batch"] = sla.Totals{Good: 6} },
		func(r *report) { r.made[0]++ },
		func(r *report) { r.saved.Contracts[0].Bad++ },
		func(r *report) { r.Attempts = 12 },
	} {
		r := keeping()
		breaks(r)
		for k, v := range r.verdicts() {
			if v.OK != (k != i) {
				t.Errorf("promise %d broken: %+v", i, v)
			}
		}
		var out strings.Builder
		if r.print(&out); strings.Count(out.String(), "✗") != 1 || r.kept() {
			t.Errorf("promise %d broken: %s", i, out.String())
		}
	}
}

// A cloud lets through what it can carry, and keeps the last of it for those who
// matter most.
func TestGate(t *testing.T) {
	now := time.Unix(0, 0)
	g := &gate{perSecond: 100, at: now}
	let := func(tier int) (n int) {
		for g.enter(now, tier) {
			n++
		}
		return n
	}
	if a, b, c := let(2), let(1), let(0); a != 13 || b != 6 || c != 6 {
		t.Errorf("let %d batch, %d standard, %d critical", a, b, c)
	}
	now = now.Add(time.Second)
	sum := 0
	for range 1000 { // a second of too much
		now = now.Add(time.Millisecond)
		for range 5 {
			if g.enter(now, 0) {
				sum++
			}
		}
	}
	if sum < 100 || sum > 126 {
		t.Errorf("let %d of 5,000 through in a second, want 100 and a short queue", sum)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := run(ctx, &screen{out: &strings.Builder{}}); err == nil {
		t.Error("it went on")
	}
}
