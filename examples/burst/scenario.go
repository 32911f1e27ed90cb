package main

import (
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
	"github.com/fairlead-go/fairlead/sla"
)

const (
	medianRate  = 200.0            // calls per second that the median stands for
	slotLasts   = 30 * time.Second // of virtual time, for half an hour of data
	compression = int(slot / slotLasts)
	readyAfter  = 20 * time.Second // nodes of gcp serve so long after they were ordered
	clients     = 4
	sampleEvery = 5 * time.Second
)

// scenario is two clouds in virtual time: onprem can carry the median and can't
// grow, gcp half of it, and can grow to four times it.
func scenario(d *demand, seed uint64) sim.Scenario {
	rates := make([]float64, len(d.values))
	for i, v := range d.values {
		rates[i] = v / d.median * medianRate
	}
	// A routing API that takes 60 ms on average, with fairlead's middleware: it
	// reports its load, drops what is too late, and sheds by tier.
	server := sim.Server{
		Service: sim.Delay{Least: 40 * time.Millisecond, Spread: 20 * time.Millisecond},
		Report:  time.Second, Expires: true, Cap: 4, RetryAfter: time.Second,
	}
	return sim.Scenario{
		Seed: seed, Duration: time.Duration(len(rates)) * slotLasts,
		Clients: clients, Instances: clients,
		Demand: sim.Lines(rates, slotLasts),
		Clouds: []sim.Cloud{
			{
				Name: "onprem", Weight: 70, Endpoints: 3, Server: server,
				Carries: medianRate, Capacity: medianRate,
			},
			{
				Name: "gcp", Weight: 30, Endpoints: 3, Server: server,
				Carries: medianRate / 2, Capacity: medianRate / 2, Ceiling: 4 * medianRate,
				Autoscaler: &sim.Autoscaler{Lag: readyAfter, Hold: 2 * time.Minute},
			},
		},
		Tiers: []sim.Tier{
			{Part: 0.2, Tier: sla.Tier{
				Name: critical, Protected: true, Timeout: 800 * time.Millisecond, Attempts: 3,
				Objective: sla.Objective{Latency: 500 * time.Millisecond},
			}},
			{Part: 0.5, Customers: 200, Tier: sla.Tier{
				Name: "standard", Timeout: 2 * time.Second, Objective: sla.Objective{Latency: time.Second},
			}},
			{Part: 0.3, Customers: 100, Tier: sla.Tier{
				Name: "batch", Timeout: 5 * time.Second, Objective: sla.Objective{Latency: 3 * time.Second},
			}},
		},
		Long: true, SampleEvery: sampleEvery,
	}
}

const critical = "critical"

// dataTime is the time of the data that a moment of the simulation stands for.
func (d *demand) dataTime(at time.Duration) time.Time {
	return d.start.Add(time.Duration(compression) * at)
}
