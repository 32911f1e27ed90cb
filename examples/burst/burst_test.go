package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
)

// TestEvening replays the hours around the spike of the made-up day, as the
// command does: the critical calls are served, and what it says, writes and draws
// agrees with what happened.
func TestEvening(t *testing.T) {
	if raceEnabled {
		t.Skip("a simulation has one goroutine, and is twenty times slower under the race detector")
	}
	all := builtIn()
	evening := "timestamp,value\n"
	for i := 36; i < slotsPerDay; i++ { // from 18:00 on
		evening += all.at(i).Format(timeLayout) + "," + number(all.values[i]) + "\n"
	}
	dir := t.TempDir()
	o := options{demand: filepath.Join(dir, "demand.csv"), svg: filepath.Join(dir, "burst.svg"), json: filepath.Join(dir, "burst.json"), seed: 1}
	if err := os.WriteFile(o.demand, []byte(evening), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(o, &screen{out: &out}); err != nil && !errors.Is(err, errBroken) { // a few hours are no whole day
		t.Fatal(err)
	}
	var r report
	data, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Days) != 1 || len(r.Tiers) != 3 || len(r.ShedDays) != 1 || r.ShedDays[0] != "2026-06-20" || r.Days[0].Peak < 2*medianRate {
		t.Errorf("the report says\n%s", data)
	}
	sum := uint64(0)
	for i, tier := range r.Tiers {
		sum += tier.Calls
		if tier.Good+tier.Late+tier.Shed+tier.Failed != tier.Calls || tier.Calls == 0 || r.Days[0].Tiers[i].Calls != tier.Calls {
			t.Errorf("of %d calls of tier %s became %+v", tier.Calls, tier.Tier, tier)
		}
	}
	if c := r.Tiers[0]; sum != r.Calls || c.Shed+c.Failed > 0 || c.Late > 5 || r.Tiers[2].Shed <= r.Tiers[1].Shed {
		t.Errorf("%d calls, by tier %+v", r.Calls, r.Tiers)
	}
	if text := out.String(); strings.Count(text, " offered ") < 5 || !strings.Contains(text, "✓") || !strings.Contains(text, o.svg) {
		t.Errorf("it said\n%s", text)
	}
	svg, err := os.ReadFile(o.svg)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, label := range []string{"demand", "ready capacity", "share of the clouds", "shed", "utilization", "p99", "onprem", "gcp", "batch", "22:00"} {
		if !strings.Contains(string(svg), ">"+label+"<") {
			t.Errorf("the picture doesn't say %q", label)
		}
	}
}

func number(v float64) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestRunRefuses(t *testing.T) {
	for name, o := range map[string]options{
		"no file":     {demand: "no such file"},
		"no such day": {from: "2000-02-30"},
		"no picture":  {svg: "no such directory/burst.svg", from: "2026-06-20"},
	} {
		if name == "no picture" && raceEnabled {
			continue // it simulates a day first
		}
		if err := run(o, &screen{out: io.Discard}); err == nil || errors.Is(err, errBroken) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestPromises breaks each of them.
func TestPromises(t *testing.T) {
	good := func() *report {
		return &report{Calls: 1000, Attempts: 1050, Tiers: []tier{{Tier: critical, Calls: 200, Good: 200}, {Tier: "batch", Calls: 800, Good: 790, Shed: 10}}, Days: make([]day, 1)}
	}
	for name, test := range map[string]struct {
		change func(*report)
		kept   bool
	}{
		"kept":          {func(*report) {}, true},
		"critical late": {func(r *report) { r.Tiers[0].Good-- }, false},
		"shed":          {func(r *report) { r.Tiers[1].Shed = 21 }, false},
		"pushed back":   {func(r *report) { r.Tiers[1].Failed = 11 }, false},
		"shed, a week":  {func(r *report) { r.Days = make([]day, 7) }, false},
		"attempts":      {func(r *report) { r.Attempts = 1101 }, false},
	} {
		r := good()
		test.change(r)
		r.judge()
		var out strings.Builder
		r.print(&out)
		if r.kept() != test.kept || strings.Contains(out.String(), "✗") == test.kept {
			t.Errorf("%s: kept is %t, and it says\n%s", name, r.kept(), out.String())
		}
	}
}

// shown is what a screen makes of a sample.
func shown(live bool) string {
	var out strings.Builder
	s := &screen{out: &out, live: live}
	d := builtIn()
	of := scenario(d, 1)
	s.begin(d, &of)
	out.Reset()
	for i := range 2 * s.every {
		s.show(&sim.Sample{
			From: time.Duration(i) * sampleEvery, Until: time.Duration(i+1) * sampleEvery,
			Tiers:  []sim.TierSample{{Offered: 500, P99: 20 * time.Millisecond}, {Offered: 500}, {Offered: 1000, Shed: 500}},
			Clouds: []sim.CloudSample{{First: 900, Carries: 200}, {First: 600, Carries: 100}},
		})
	}
	return out.String()
}

func TestLines(t *testing.T) {
	want := `2026-06-20 00:00  offered  400/s  ready  300/s  shed 100.00/s  gcp 40.0 %  critical: p99  20 ms, 0 not good
2026-06-20 01:00  offered  400/s  ready  300/s  shed 100.00/s  gcp 40.0 %  critical: p99  20 ms, 0 not good
`
	if got := shown(false); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPicture(t *testing.T) {
	bar := "2026-06-20 00:00 " + strings.Repeat("█", 19) + "│" + strings.Repeat("░", 5)
	if got := shown(true); !strings.Contains(got, bar) {
		t.Errorf("no bar %q in\n%s", bar, got)
	}
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		r    row
		want string
	}{
		{row{}, "│" + strings.Repeat(" ", barWidth-1)},
		{row{offered: 100, capacity: 100}, strings.Repeat("█", barWidth)},
		{row{offered: 50, shed: 10, capacity: 90}, strings.Repeat("█", 20) + strings.Repeat("░", 5) + strings.Repeat(" ", 20) + "│    "},
		{row{offered: 50, shed: 0.01, capacity: 100}, strings.Repeat("█", 25) + "░" + strings.Repeat(" ", 24)},
	} {
		if got := bar(test.r, 100); got != test.want {
			t.Errorf("%+v is %q, want %q", test.r, got, test.want)
		}
	}
}
