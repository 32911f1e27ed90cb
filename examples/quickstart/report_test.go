package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// outage is a run of two phases: 1 s in which all is well, 1 s without onprem.
func outage() *report {
	all := steadily(2*time.Second, 1100*time.Millisecond)
	for i := range 2000 {
		all.calls = append(all.calls, call{
			ended: time.Duration(i) * time.Millisecond, took: 5 * time.Millisecond, tier: mix[i%len(mix)], failed: i == 1004,
		})
	}
	all.changes = []change{{at: 1080 * time.Millisecond, cloud: "onprem", from: health.Healthy, to: health.Down}}
	return newReport([]phase{
		{name: "steady", end: time.Second},
		{name: "killed", lost: "onprem", begin: time.Second, end: 2 * time.Second},
	}, all)
}

func TestReportAsJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	if err := outage().write(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(got) // sorts the keys
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`{"attempts":2000,"calls":2000,"failed":1,"phases":[`,
		`{"detect_ms":null,"name":"steady","rto_ms":null,"shares":{"gcp":0.3,"onprem":0.7},"tiers":[`,
		`{"calls":400,"failed":0,"p50_ms":5,"p99_ms":5,"tier":"critical"},`,
		`{"calls":400,"failed":0,"p50_ms":5,"p99_ms":5,"tier":"standard"},`,
		`{"calls":200,"failed":0,"p50_ms":5,"p99_ms":5,"tier":"batch"}]},`,
		`{"detect_ms":80,"name":"killed","rto_ms":100,"shares":{"gcp":0.93,"onprem":0.07},"tiers":[`,
		`{"calls":400,"failed":0,"p50_ms":5,"p99_ms":5,"tier":"critical"},`,
		`{"calls":400,"failed":0,"p50_ms":5,"p99_ms":5,"tier":"standard"},`,
		`{"calls":200,"failed":1,"p50_ms":5,"p99_ms":5,"tier":"batch"}]}]}`,
	}, "")
	if string(compact) != want {
		t.Errorf("got\n%s\nwant\n%s", compact, want)
	}
}

func TestReportForPersons(t *testing.T) {
	var b strings.Builder
	outage().print(&b)
	for _, line := range []string{
		"phase          lasted  tier        calls  failed       p50       p99      gcp   onprem",
		"steady          1.0 s  critical      400       0    5.0 ms    5.0 ms   30.0 %   70.0 %",
		"killed          1.0 s  critical      400       0    5.0 ms    5.0 ms   93.0 %    7.0 %",
		"                       batch         200       1    5.0 ms    5.0 ms",
		"✓ 0 critical calls failed; of all tiers 1 of 2000",
		"✓ onprem killed: known to be down after 80 ms, at most 1,000",
		"✓ onprem killed: share under 1 % after 100 ms, at most 1,000",
		"✓ 1.000 attempts per call, at most 1.1",
		"✗ in the end onprem has 7.0 % of 1000 calls, as configured: 70 % ± 3 points",
	} {
		if !strings.Contains(b.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, &b)
		}
	}
}

func TestFaultThatNobodyNoticed(t *testing.T) {
	report := newReport([]phase{{name: "frozen", lost: "onprem", end: time.Second}}, steadily(time.Second, time.Second))
	if p := report.Phases[0]; p.Detect != nil || p.RTO != nil {
		t.Errorf("detect %v and rto %v, want none", p.Detect, p.RTO)
	}
	for _, v := range report.verdicts() {
		if strings.Contains(v.text, "frozen") && v.ok {
			t.Errorf("kept: %s", v.text)
		}
	}
}
