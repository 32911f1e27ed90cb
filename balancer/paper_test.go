package balancer

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
)

// On paper every cloud is well and has its whole capacity, and the changes in force
// at the time count.
func TestPaper(t *testing.T) {
	start := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	cfg := testConfig()
	cfg.Instances = 20
	for name, c := range cfg.Services["api"].Clouds {
		c.Capacity, c.Ceiling = 4000, 9000
		cfg.Services["api"].Clouds[name] = c
	}
	cfg.Services["api"].Clouds["a"] = ServiceCloud{HTTP: []string{"http://a.example.com"}, Capacity: 4000, Ceiling: 9000}
	cfg.Changes = []failover.Change{
		{ID: "move", Kind: failover.KindShift, Weights: map[string]uint32{"a": 0, "b": 100}, Start: start, Ramp: time.Hour, End: start.Add(3 * time.Hour)},
		{ID: "out", Kind: failover.KindDrain, Cloud: "b", Start: start.Add(24 * time.Hour)},
	}
	for _, tt := range []struct {
		name     string
		at       time.Time
		a        float64 // its part of the weights
		drained  bool    // b
		running  int
		protocol Protocol
	}{
		{name: "before", at: start.Add(-time.Hour), a: 0.7},
		{name: "on the way", at: start.Add(15 * time.Minute), a: 0.525, running: 1},
		{name: "moved", at: start.Add(2 * time.Hour), a: 0, running: 1},
		{name: "drained", at: start.Add(25 * time.Hour), a: 0.7, drained: true, running: 1},
	} {
		paper, err := cfg.Paper("api", tt.protocol, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		a, b := paper.Input.Clouds[0], paper.Input.Clouds[1]
		if part := float64(a.Weight) / (float64(a.Weight) + float64(b.Weight)); math.Abs(part-tt.a) > 1e-6 || b.Drained != tt.drained {
			t.Errorf("%s: a has %v of the weights, want %v; b is drained: %v", tt.name, part, tt.a, b.Drained)
		}
		running := 0
		for _, c := range paper.Changes {
			if c.State == failover.ChangeRunning {
				running++
			}
		}
		if running != tt.running || len(paper.Changes) != 2 {
			t.Errorf("%s: %d changes in force, want %d", tt.name, running, tt.running)
		}
		for _, c := range paper.Input.Clouds {
			if c.Capacity != 4000 || c.Ceiling != 9000 || c.Healthy != 1 || c.Absent || c.State != health.Unknown {
				t.Errorf("%s: %+v", tt.name, c)
			}
		}
		if paper.Input.Demand != nil || len(paper.Input.Tiers) != 2 || paper.Input.Tiers[1].Attempts != defaultAttempts {
			t.Errorf("%s: demand %v, tiers %+v", tt.name, paper.Input.Demand, paper.Input.Tiers)
		}
	}
	var unknown *UnknownServiceError
	if _, err := cfg.Paper("api", GRPC, start); !errors.As(err, &unknown) {
		t.Errorf("a protocol it doesn't speak: %v", err)
	}
	var faults *ConfigError
	if _, err := new(Config).Paper("api", HTTP, start); !errors.As(err, &faults) {
		t.Errorf("no config: %v", err)
	}
}

// The status names the tiers that are protected.
func TestStatusProtected(t *testing.T) {
	tiers := newWorld().router(t, testConfig()).Status().Services[0].Tiers
	if !tiers[0].Protected || tiers[1].Protected {
		t.Errorf("critical is protected: %v, standard: %v", tiers[0].Protected, tiers[1].Protected)
	}
}
