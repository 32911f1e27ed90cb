package failover_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

func weeklyReport() *failover.Report {
	t0 := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	return &failover.Report{
		Change: "weekly", Cloud: "onprem", Outcome: failover.Succeeded, Reason: "its time is over",
		Began: t0, Planned: t0.Add(50 * time.Millisecond), Left: t0.Add(50 * time.Millisecond), Restored: t0.Add(350 * time.Millisecond),
		Ended: t0.Add(30 * time.Minute), RTO: 350 * time.Millisecond, PeakBurn: 0.42, BudgetSpent: 0.00001,
		Tiers: []failover.TierReport{
			{Service: "routing-api", Tier: "critical", Protected: true, Calls: 720000, Bad: 151, PeakBurn: 0.42, BudgetSpent: 0.00001},
			{Service: "routing-api", Tier: "batch", Calls: 180000, Bad: 1800, Shed: 1800, PeakBurn: 10, BudgetSpent: 0.0069},
		},
		Survivors: []failover.CloudReport{{Service: "routing-api", Cloud: "gcp", PeakUtilization: 0.78, PeakP99: 31200 * time.Microsecond}},
	}
}

func ExampleReport_String() {
	fmt.Print(weeklyReport())
	// Output:
	// drill weekly: SUCCEEDED without onprem
	// its time is over
	//
	// T0   the cloud was to be left     2026-12-01 03:00:00.000Z
	// T1   the plan had it              2026-12-01 03:00:00.050Z  +50ms
	// T2   its share was under 1 %      2026-12-01 03:00:00.050Z  +50ms
	// T3   callers got what they should 2026-12-01 03:00:00.350Z  +350ms
	// End  the drill was over           2026-12-01 03:30:00.000Z  +30m
	//
	// RTO 350ms, peak burn 0.4, budget spent < 0.01 %
	//
	// tier                                   calls     bad    shed     burn   budget
	// routing-api critical (protected)      720000     151       0      0.4 < 0.01 %
	// routing-api batch                     180000    1800    1800     10.0   0.69 %
	//
	// cloud that stayed                                  peak utilisation   peak p99
	// routing-api in gcp                                             78 %     31.2ms
}

func TestReportFitsATerminal(t *testing.T) {
	long := weeklyReport()
	long.Outcome, long.Left, long.Restored = failover.Failed, time.Time{}, time.Time{}
	long.Reason = strings.Repeat("tier critical of service routing-api burns its error budget 250.0 times as fast as allowed ", 3)
	long.Forced = "capacity: " + strings.Repeat("the protected tiers would leave cloud gcp a headroom of 5 % ", 3)
	long.Tiers[0].Service = strings.Repeat("very-long-name.", 10)
	long.Survivors[0].Service = long.Tiers[0].Service
	checked := weeklyReport()
	checked.Outcome, checked.Reason = failover.CapacityCheckFailed, "tier critical of service routing-api would lack the capacity for 200 of 900 calls/s"
	for _, r := range []*failover.Report{weeklyReport(), long, checked} {
		for line := range strings.Lines(r.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%d characters: %s", n, line)
			}
		}
	}
	if text := long.String(); !strings.Contains(text, "RTO never") || !strings.Contains(text, "FORCED: capacity: ") || strings.Count(text, "never") != 3 {
		t.Error(text)
	}
	if text := checked.String(); !strings.Contains(text, "no call was moved") || strings.Contains(text, "T0") {
		t.Error(text)
	}
}

func TestReportMarkdown(t *testing.T) {
	r := weeklyReport()
	r.Forced = "interval: another change ended 3s ago"
	text := r.Markdown()
	for _, want := range []string{
		"# Drill weekly: SUCCEEDED\n", "**Forced** against a safety rule: interval: another change ended 3s ago.",
		"| T3 | callers got what they should | 2026-12-01 03:00:00.350Z | +350ms |\n", "| 350ms | 0.4 | < 0.01 % |\n",
		"| routing-api | batch | no | 180000 | 1800 | 1800 | 10.0 | 0.69 % |\n", "| routing-api | gcp | 78 % | 31.2ms |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	r.Outcome = failover.CapacityCheckFailed
	if text := r.Markdown(); !strings.Contains(text, "No call was moved from cloud onprem.") || strings.Contains(text, "| T0") {
		t.Error(text)
	}
}

func TestReportJSON(t *testing.T) {
	data, err := json.Marshal(weeklyReport())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Outcome    string
		T0, T3     time.Time
		RTOSeconds float64
		Tiers      []struct {
			Tier string
			Shed int
		}
		Survivors []struct{ PeakP99Seconds float64 }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Outcome != "SUCCEEDED" || got.T3.Sub(got.T0) != 350*time.Millisecond || got.RTOSeconds != 0.35 || got.Tiers[1].Shed != 1800 || got.Survivors[0].PeakP99Seconds != 0.0312 {
		t.Errorf("%s", data)
	}
	failed := weeklyReport()
	failed.Restored, failed.RTO = time.Time{}, 0
	if data, _ := json.Marshal(failed); strings.Contains(string(data), "t3") || strings.Contains(string(data), "rtoSeconds") {
		t.Errorf("a moment that didn't come: %s", data)
	}
}
