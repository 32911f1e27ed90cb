package sla

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// standing is how an account with these counts stands.
func standing(good, bad int, target float64) Standing {
	a := NewAccount(at.Add(-time.Second))
	c := &a.cells[0]
	c.good.Add(uint64(good))
	c.bad.Add(uint64(bad))
	a.Sweep(at)
	return a.Standing(at, Objective{Target: target, Window: 720 * time.Hour})
}

func someReport() Report {
	return NewReport(at, []ContractStanding{
		{"quiet", standing(0, 0, 0.999)},
		{"acme-dispatch", standing(1_234_567_890, 12_345, 0.9999)},
		{"globex-with-a-name-that-is-too-long-for-the-table", standing(999, 1, 0.999)},
		{"initech", standing(10, 90, 0.999)},
		{"hooli", standing(99_999_999, 1, 0.9995)},
	}, []TierStanding{
		{"routing-api", "standard", standing(999, 2, 0.99)},
		{"routing-api", "critical", standing(1_999, 2, 0.999)},
	})
}

func TestReportText(t *testing.T) {
	want := strings.TrimPrefix(`
2026-03-01 09:30:17 UTC: 3 of 5 contracts have error budget left, 60 %

contract                 target      good     in     calls     bad  budget  burn
initech                   99.9%       10%   720h       100      90  <-999%  !900
globex-wit…-the-table     99.9%     99.9%   720h      1000       1      0%   1.0
acme-dispatch            99.99%   99.999%   720h      1.2G   12345     90%   0.1
hooli                    99.95% 99.99999%   720h    100.0M       1    100%   0.0
quiet                     99.9%      100%   720h         0       0    100%   0.0

service, tier            target      good     in     calls     bad  budget  burn
routing-api, critical     99.9% 99.90004%   720h      2001       2      0%   1.0
routing-api, standard       99% 99.80019%   720h      1001       2     80%   0.2
`, "\n")
	got := someReport().String()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, line := range strings.Split(got, "\n") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	if got := NewReport(at, nil, nil); got.Compliance != 100 || got.String() != "2026-03-01 09:30:17 UTC: no contract is declared\n" {
		t.Errorf("%v: %s", got.Compliance, got)
	}
}

func TestReportJSON(t *testing.T) {
	want := someReport()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	for _, key := range []string{`"compliance_percent":60`, `"name":"initech"`, `"budget_left":`, `"target":0.999`, `"window_ns":`, `"long_burn":`, `"firing":true`, `"good":999`} {
		if !strings.Contains(string(data), key) {
			t.Errorf("no %s in %s", key, data)
		}
	}
}

// The report of a snapshot is that of the accounts it was taken of.
func TestSnapshotReport(t *testing.T) {
	s := someCounts()
	r := s.Report()
	if r.Compliance != 0 || r.Contracts[0].Good != 1 || r.Contracts[0].Bad != 1 || r.Tiers[0].Service != "routing-api" || r.Tiers[0].Bad != 1 {
		t.Errorf("%+v", r)
	}
}
