package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

// notUnderRace skips a test of a simulation where that takes minutes: it has no
// goroutine.
func notUnderRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("a simulation has no goroutine, and takes minutes under the race detector")
	}
}

func TestParseDemand(t *testing.T) {
	d, err := parseDemand(strings.NewReader("time, critical,batch\n# a comment\n23:30,100,0\n00:30,200,50\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d.lasts() != time.Hour || d.rates[0][1] != 200 || d.clock(45*time.Minute) != "00:15:00" {
		t.Errorf("%+v, %s", d, d.clock(45*time.Minute))
	}
	if at, err := d.since("00:10"); err != nil || at != 40*time.Minute {
		t.Errorf("00:10 is %v, %v", at, err)
	}
	if _, err := d.since("10m"); err == nil {
		t.Error("a duration is no time of day")
	}
	// The mean of 100 and 200, and of 0 and 50, for an hour.
	if got := d.calls(0, time.Hour); math.Abs(got-(150+25)*3600) > 1e-6 {
		t.Errorf("%v calls", got)
	}
	if got := d.calls(0, 30*time.Minute); math.Abs(got-(125+12.5)*1800) > 1e-6 {
		t.Errorf("%v calls in the first half", got)
	}
	for text, want := range map[string]string{
		"":                               "1: there is nothing in it",
		"at,critical\n0s,1\n1s,2\n":      "1: the header must be",
		"time\n0s\n1s\n":                 "1: the header must be",
		"time,critical\n0s,1\n":          "1: there must be at least two times",
		"time,critical\n0s,1\n10:00,2\n": "3: times must be all of a day or all durations",
		"time,critical\n0s,1\n0s,2\n":    "3: 0s must be later",
		"time,critical\n0s,1\nsoon,2\n":  "3: \"soon\" must be a time of day",
		"time,critical\n0s,1\n1s,NaN\n":  "3: critical must be a number",
		"time,critical\n0s,1\n1s,-2\n":   "3: critical must be a number",
		"time,critical\n0s,1\n1s,2,3\n":  "3: wrong number of fields",
		"time,critical\n0s,\"1\n1s,2\n":  "3: extraneous or missing",
		"time,critical\n0\"s,1\n1s,2\n":  "2: bare",
	} {
		if _, err := parseDemand(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseDemand(f *testing.F) {
	f.Add("time,critical,batch\n10:00,100,0\n10:30,200,50\n")
	f.Add("time,critical\n0s,1\n1h,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDemand(strings.NewReader(text))
		if err != nil {
			return
		}
		if calls := d.calls(0, d.lasts()); d.lasts() <= 0 || calls < 0 || math.IsNaN(calls) {
			t.Errorf("%v calls in %v", calls, d.lasts())
		}
	})
}

// A demand lies on a day, or has dates of its own.
func TestDemandBegins(t *testing.T) {
	for _, test := range []struct{ first, on, want string }{
		{"09:30", "", "2026-12-01T09:30:00Z"},
		{"09:30", "2026-12-08", "2026-12-08T09:30:00Z"},
		{"09:30", "2026-12-08 Asia/Seoul", "2026-12-08T09:30:00+09:00"},
		{"02:30", "2026-03-29 Europe/Paris", "2026-03-29T03:30:00+02:00"}, // an hour that there isn't
		{"09:30", "2026-12-08 Mars", ""},
		{"09:30", "tuesday", ""},
		{"09:30", "+2h", ""},
		{"0s", "", "2026-12-01T03:00:00Z"},
		{"0s", "+2h", "2026-12-01T05:00:00Z"},
		{"0s", "2026-12-08T03:00:00+09:00", "2026-12-08T03:00:00+09:00"},
		{"0s", "2026-12-08", ""},
		{"2014-11-02T06:30:00-05:00", "", "2014-11-02T06:30:00-05:00"},
		{"2014-11-02T06:30:00-05:00", "2026-12-08", ""},
	} {
		second := map[bool]string{true: "1h", false: "23:00"}[test.first == "0s"]
		d, err := parseDemand(strings.NewReader("time,a\n" + test.first + ",1\n" + second + ",1\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.begins(test.on, today)
		if test.want == "" && err == nil || test.want != "" && (err != nil || moment(got) != test.want) {
			t.Errorf("%s on %q: %v, %v, want %s", test.first, test.on, got, err, test.want)
		}
	}
}

// Changes that are due happen: every client follows the drill, and what it measures
// is in the report.
func TestSimulateChanges(t *testing.T) {
	notUnderRace(t)
	dir := copies(t, "fairlead.yaml", "day.csv")
	file := filepath.Join(dir, "fairlead.yaml")
	text := read(t, file) + `changes:
  - {id: weekly, kind: drill, cloud: onprem, start: 2026-12-08T10:05:00+09:00, end: 2026-12-08T10:06:00+09:00, repeat: 168h, services: [routing-api]}
  - {id: more, kind: shift, weights: {onprem: 50, gcp: 50}, start: 2026-12-15T10:07:30+09:00}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	simulate := func(flags ...string) (r simulated) {
		t.Helper()
		stdout, stderr, _ := typed(t, dir, append([]string{"simulate", "fairlead.yaml", "-json", "-demand", "day.csv", "-until", "10:08", "-clients", "2", "-calls", "40000", "-capacity", "gcp=16000"}, flags...)...)
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v: %s%s", err, stdout, stderr)
		}
		return r
	}
	r := simulate("-on", "2026-12-15 Asia/Seoul", "-from", "10:04:30")
	if len(r.Changes) != 3 || r.Begins != "2026-12-15T10:04:30+09:00" {
		t.Fatalf("from %s: %+v", r.Begins, r.Changes)
	}
	for i, want := range []simulatedChange{
		{At: "10:05:00", Change: "weekly", State: failover.ChangeRunning},
		{At: "10:06:00", Change: "weekly", State: failover.ChangeEnded, Outcome: failover.Succeeded},
		{At: "10:07:30", Change: "more", State: failover.ChangeRunning},
	} {
		got := r.Changes[i]
		if got.At != want.At || got.Change != want.Change || got.State != want.State || got.Outcome != want.Outcome || got.Clients != r.Clients {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if known := got.RTO != nil; known != (want.Outcome == failover.Succeeded) {
			t.Errorf("%s at %s: RTO is known: %t", got.Change, got.At, known)
		}
	}
	if calm := simulate("-on", "2026-12-14 Asia/Seoul", "-from", "10:07:30"); len(calm.Changes) != 0 || !strings.HasPrefix(calm.Notes[len(calm.Notes)-1], "No change of the file is due") {
		t.Errorf("on another day: %+v, %q", calm.Changes, calm.Notes)
	}
	during := simulate("-on", "2026-12-15 Asia/Seoul", "-from", "10:05:20", "-until", "10:05:50")
	if n := during.Clouds[1].Attempts; during.Clouds[1].Cloud != "onprem" || n > 0 {
		t.Errorf("%d attempts at onprem in the middle of the drill", n)
	}
}

func TestReadFault(t *testing.T) {
	d := &demand{at: []time.Duration{10 * time.Hour, 12 * time.Hour}, byClock: true}
	f, err := readFault("onprem slow=5  10:15 20m", d)
	if err != nil || f.Cloud != "onprem" || f.Factor != 5 || f.From != 15*time.Minute || f.Until != 35*time.Minute {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err = readFault("gcp errors=30% 11:00", d); err != nil || f.Rate != 0.3 || f.Until != 0 {
		t.Errorf("%+v, %v", f, err)
	}
	for _, text := range []string{"", "onprem", "onprem down", "onprem down 10:00 20", "onprem down 10:00 -1m", "onprem down=1 10:00", "onprem slow 10:00", "onprem slow=1 10:00", "onprem slow=NaN 10:00", "onprem errors=2 10:00", "onprem errors=0 10:00", "onprem down 10m 5m", "onprem down 10:00 20m more"} {
		if _, err := readFault(text, d); err == nil {
			t.Errorf("%q is taken for a fault", text)
		}
	}
}

// A simulation writes pages that are well-formed, says the same each time, and is of
// the file's own clouds and tiers.
func TestSimulateReports(t *testing.T) {
	notUnderRace(t)
	dir := copies(t, "fairlead.yaml", "day.csv")
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	line := []string{"simulate", "fairlead.yaml", "-demand", "day.csv", "-fault", "onprem down 10:00 30s", "-from", "09:59", "-until", "10:01", "-calls", "4000", "-json", "-o"}
	var before string
	for _, out := range []string{"report.html", "report.svg", "again.svg"} {
		t.Chdir(home)
		stdout, stderr, _ := typed(t, dir, append(line, out)...)
		var r simulated
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v: %s%s", err, stdout, stderr)
		}
		if before != "" && before != stdout {
			t.Errorf("another time it says\n%s\nbefore:\n%s", stdout, before)
		}
		before = stdout
		if len(r.Tiers) != 3 || r.Tiers[0].Tier != "critical" || r.Tiers[0].Calls == 0 || len(r.Clouds) != 2 || r.Clouds[1].Cloud != "onprem" || r.Scale >= 1 {
			t.Errorf("%+v", r)
		}
		lost := false
		for _, e := range r.Events {
			lost = lost || e.Cloud == "onprem" && e.To == "down" && e.At >= "10:00:00" && e.At < "10:00:05"
		}
		if !lost {
			t.Errorf("nobody saw the fault: %+v", r.Events)
		}
		text := read(t, filepath.Join(dir, out))
		if strings.HasSuffix(out, ".html") {
			for _, want := range []string{"<svg", "onprem down 10:00 30s", "attempts by cloud", "</html>"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %s", out, want)
				}
			}
			continue
		}
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
		}
	}
	if read(t, filepath.Join(dir, "report.svg")) != read(t, filepath.Join(dir, "again.svg")) {
		t.Error("the charts of one seed differ")
	}
}

// Names and faults that look like markup stay text.
func TestReportEscapes(t *testing.T) {
	r := &simulated{Service: "<script>", Faults: []string{"<b>"}, s: &simulation{demandOf: &demand{at: []time.Duration{0, time.Second}}}}
	text, err := r.html("")
	if err != nil || strings.Contains(text, "<script>") || strings.Contains(text, "<b>") {
		t.Errorf("%v\n%s", err, text)
	}
}
