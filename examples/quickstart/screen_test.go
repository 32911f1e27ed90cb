package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// lost is a scene: onprem was killed at 5 s and known to be down 0.2 s later.
func lost() scene {
	all := steadily(6500*time.Millisecond, 5*time.Second)
	for i := range 6500 {
		all.calls = append(all.calls, call{ended: time.Duration(i) * time.Millisecond, took: 5 * time.Millisecond, tier: mix[i%len(mix)]})
	}
	all.changes = []change{{at: 5200 * time.Millisecond, cloud: "onprem", from: health.Healthy, to: health.Down, reason: "refused"}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return scene{
		phases: []phase{{name: "steady", says: "all is well"}, {name: "killed", says: "SIGKILL", begin: 5 * time.Second}},
		total:  6,
		now:    6500 * time.Millisecond,
		record: all,
		status: balancer.Status{At: at, Services: []balancer.ServiceStatus{{Clouds: []balancer.CloudStatus{
			{Name: "gcp", State: health.Healthy, Since: at.Add(-6 * time.Second), Reason: "answers"},
			{Name: "onprem", State: health.Down, Since: at.Add(-1300 * time.Millisecond), Reason: "refused"},
		}}}},
	}
}

func TestPicture(t *testing.T) {
	s := &screen{}
	picture := strings.Join(s.picture(lost()), "\n")
	for _, line := range []string{
		"  fairlead quickstart  6.5 s",
		"  phase 2 of 6, killed: SIGKILL  1.5 s",
		"  gcp      " + strings.Repeat("█", barWidth) + "  100.0 %   healthy for 6.0 s",
		"  onprem   " + strings.Repeat(" ", barWidth) + "    0.0 %   down for 1.3 s, refused",
		"  critical       400   100.00 %     5.0 ms     5.0 ms",
		"  share of onprem, second by second  ▆▆▆▆▆·",
		"    5.2 s  onprem  healthy → down: refused",
	} {
		if !strings.Contains(picture+"\n", line+"\n") {
			t.Errorf("no line %q in\n%s", line, picture)
		}
	}
}

func TestPictureKeepsItsHeight(t *testing.T) {
	s := &screen{}
	scene := lost()
	want := len(s.picture(scene))
	for range 10 {
		scene.record.changes = append(scene.record.changes, scene.record.changes[0])
		if got := len(s.picture(scene)); got != want {
			t.Errorf("%d lines with %d changes, %d with one", got, len(scene.record.changes), want)
		}
	}
}

func TestLines(t *testing.T) {
	var b strings.Builder
	s := &screen{out: &b}
	s.show(lost())
	s.show(lost()) // has nothing new
	want := `
  0.0 s  phase 1 of 6, steady: all is well

  5.0 s  phase 2 of 6, killed: SIGKILL
  5.2 s  onprem  healthy → down: refused
  6.0 s  gcp 100.0 % healthy     onprem   0.0 % down         critical 100.00 % p99 5 ms  standard 100.00 % p99 5 ms  batch 100.00 % p99 5 ms
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBar(t *testing.T) {
	for fraction, want := range map[float64]string{
		0:                 strings.Repeat(" ", barWidth),
		1:                 strings.Repeat("█", barWidth),
		0.5:               strings.Repeat("█", barWidth/2) + strings.Repeat(" ", barWidth/2),
		1.5 / barWidth:    "█▌" + strings.Repeat(" ", barWidth-2),
		0.01 / barWidth:   strings.Repeat(" ", barWidth),
		1 - 0.01/barWidth: strings.Repeat("█", barWidth),
	} {
		if got := bar(fraction); got != want {
			t.Errorf("bar(%v) is %q, want %q", fraction, got, want)
		}
	}
}
