package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hand is one config and what a calculation by hand says of the loss of each cloud.
type hand struct {
	name       string
	capacities []float64 // of clouds c0, c1, …
	weights    []int     // nil: all alike
	protected  float64   // calls/s
	other      float64
	extra      string // of the protected tier
	// By hand: whether the loss of each cloud is survived, and how many calls have
	// nowhere to go.
	calculation string
	survives    []bool
	missing     []float64
}

// N equal clouds used to u survive a loss whole iff u ≤ (N−1)/N, their protected part
// s iff s·u·N ≤ N−1. Unequal ones iff what is protected fits into the sum of the
// others. What is missing is the demand without that sum.
var hands = []hand{
	{
		name: "two equal, half used", capacities: []float64{1000, 1000}, protected: 500, other: 500,
		calculation: "u = 1000/2000 = 1/2 ≤ 1/2: all fit",
		survives:    []bool{true, true}, missing: []float64{0, 0},
	},
	{
		name: "two equal, three quarters used, half protected", capacities: []float64{1000, 1000}, protected: 750, other: 750,
		calculation: "u = 3/4 > 1/2, s·u·N = 1/2·3/4·2 = 3/4 ≤ 1: protected ones fit, 1500 − 1000 = 500 don't",
		survives:    []bool{true, true}, missing: []float64{500, 500},
	},
	{
		name: "two equal, protected ones are too many by one", capacities: []float64{1000, 1000}, protected: 1001, other: 499,
		calculation: "s·u·N = 1001/1500·3/4·2 = 1.001 > 1: not survived",
		survives:    []bool{false, false}, missing: []float64{500, 500},
	},
	{
		name: "three equal, two thirds used", capacities: []float64{1000, 1000, 1000}, protected: 2000, other: 0,
		calculation: "u = 2/3 ≤ 2/3: all fit, to the last call",
		survives:    []bool{true, true, true}, missing: []float64{0, 0, 0},
	},
	{
		name: "three equal, nine tenths used, all but 600 protected", capacities: []float64{1000, 1000, 1000}, protected: 2100, other: 600,
		calculation: "s·u·N = 2100/2700·9/10·3 = 2.1 > 2: not survived; 2700 − 2000 = 700 have nowhere to go",
		survives:    []bool{false, false, false}, missing: []float64{700, 700, 700},
	},
	{
		name: "four equal, three quarters used", capacities: []float64{500, 500, 500, 500}, protected: 100, other: 1400,
		calculation: "u = 1500/2000 = 3/4 ≤ 3/4: all fit",
		survives:    []bool{true, true, true, true}, missing: []float64{0, 0, 0, 0},
	},
	{
		name: "unequal, the large one carries more than the small one can", capacities: []float64{4000, 2000}, weights: []int{70, 30}, protected: 2500, other: 1500,
		calculation: "without c0: 2500 > 2000 no, 4000 − 2000 = 2000 missing; without c1: 4000 ≤ 4000 all fit",
		survives:    []bool{false, true}, missing: []float64{2000, 0},
	},
	{
		name: "unequal, weights that have nothing to do with capacity", capacities: []float64{6000, 3000, 1000}, weights: []int{10, 10, 80}, protected: 3500, other: 4500,
		calculation: "without c0: 3500 ≤ 4000, 8000 − 4000 = 4000 missing; without c1: 8000 − 7000 = 1000; without c2: 8000 ≤ 9000",
		survives:    []bool{true, true, true}, missing: []float64{4000, 1000, 0},
	},
	{
		name: "the protected tier may use two of three", capacities: []float64{1000, 1000, 5000}, protected: 1200, other: 2000, extra: ", clouds: {only: [c0, c1]}",
		calculation: "without c0: 1200 > 1000 no, 200 missing, the others fit into c2; likewise without c1; without c2: protected 1200 ≤ 2000, others 2000 − 800 = 1200 missing",
		survives:    []bool{false, false, true}, missing: []float64{200, 200, 1200},
	},
	{
		name: "a reserve is kept from others", capacities: []float64{1000, 1000}, protected: 100, other: 900, extra: ", reserve: 0.3",
		calculation: "the others have at most 1000 − max(300, 100) = 700 of the cloud that stays: 200 missing",
		survives:    []bool{true, true}, missing: []float64{200, 200},
	},
}

func (h *hand) config() string {
	var clouds, serves []string
	for i, capacity := range h.capacities {
		weight := 1
		if h.weights != nil {
			weight = h.weights[i]
		}
		clouds = append(clouds, fmt.Sprintf("c%d: {weight: %d}", i, weight))
		serves = append(serves, fmt.Sprintf("c%d: {http: [http://10.0.%d.1], capacity: %v}", i, i, capacity))
	}
	return "clouds: {" + strings.Join(clouds, ", ") + "}\ninstances: 7\nservices: {api: {clouds: {" + strings.Join(serves, ", ") +
		"}}}\ntiers:\n  - {name: critical, protected: true" + h.extra + "}\n  - {name: standard}\n"
}

func TestLossByHand(t *testing.T) {
	for _, h := range hands {
		t.Run(h.name, func(t *testing.T) {
			file := written(t, h.config())
			stdout, stderr, status := typed(t, filepath.Dir(file), "n-1", file, "-json", "-demand", fmt.Sprint("critical=", h.protected), "-demand", fmt.Sprint("standard=", h.other))
			var out lossJSON
			if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Losses) != len(h.survives) {
				t.Fatalf("%v: %s%s", err, stdout, stderr)
			}
			for i, l := range out.Losses {
				if (l.Verdict == survives) != h.survives[i] || math.Abs(l.Missing-h.missing[i]) > 1e-6 {
					t.Errorf("the loss of %s is %s, %v calls/s missing; by hand %v, %v: %s", l.Cloud, l.Verdict, l.Missing, h.survives[i], h.missing[i], h.calculation)
				}
			}
			all := !slices.Contains(h.survives, false)
			if (status == exitOK) != all || out.Survives != all {
				t.Errorf("exit status %d, survives %v", status, out.Survives)
			}
		})
	}
}

// The capacity of a cloud is the whole of it, however many instances share it.
func TestLossInstances(t *testing.T) {
	h := hands[0]
	for _, instances := range []string{"instances: 1", "instances: 1000"} {
		file := written(t, strings.Replace(h.config(), "instances: 7", instances, 1))
		if _, _, status := typed(t, filepath.Dir(file), "n-1", file, "-demand", "critical=1000"); status != exitOK {
			t.Errorf("%s: exit status %d", instances, status)
		}
		if _, _, status := typed(t, filepath.Dir(file), "n-1", file, "-demand", "critical=1001"); status != exitFinding {
			t.Errorf("%s, one call more: exit status %d", instances, status)
		}
	}
}

// Where all of the demand is that of other services, nothing is to be said of the one
// that is meant.
func TestLossOfAServiceWithoutDemand(t *testing.T) {
	file := written(t, strings.Replace(hands[0].config(), "services: {", "services: {maps: {clouds: {c0: {http: [http://10.0.9.1]}}}, ", 1))
	stdout, stderr, status := typed(t, filepath.Dir(file), "n-1", file, "-service", "api", "-demand", "maps/critical=100")
	if want := "-demand must be of service api"; status != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("exit status %d, %s%s, want %q", status, stdout, stderr, want)
	}
	if _, stderr, status := typed(t, filepath.Dir(file), "n-1", file, "-service", "api", "-demand", "maps/critical=100", "-demand", "critical=1"); status != exitOK {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}
