package failover_test

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// What if onprem is lost?
func ExampleCompute() {
	in := failover.Input{
		Clouds: []failover.Cloud{
			{Name: "onprem", Weight: 70, State: health.Healthy, Healthy: 1},
			{Name: "gcp", Weight: 20, State: health.Healthy, Healthy: 1},
			{Name: "aws", Weight: 10, State: health.Healthy, Healthy: 1},
		},
		Tiers: []sla.Tier{
			{Name: "critical", Protected: true},
			{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"gcp", "onprem"}}},
			{Name: "resident", Clouds: sla.Clouds{Only: []string{"onprem", "aws"}}},
		},
	}
	in.Clouds[0].State = health.Down
	for _, tier := range failover.Compute(in).Tiers {
		fmt.Println(tier.Tier)
		for _, s := range tier.Shares {
			fmt.Printf("  %-6s %5.1f %%  %s\n", s.Cloud, 100*s.Fraction, s.Reason)
		}
	}
	// Output:
	// critical
	//   aws     33.3 %  weights
	//   gcp     66.7 %  weights
	//   onprem   0.0 %  down
	// batch
	//   aws      1.0 %  standby
	//   gcp     99.0 %  prefer
	//   onprem   0.0 %  down
	// resident
	//   aws    100.0 %  weights
	//   gcp      0.0 %  residency
	//   onprem   0.0 %  down
}

// A loss passes at once, the way back at 10 points of share per second.
func ExampleLimit() {
	onprem := failover.Cloud{Name: "onprem", Weight: 70, Healthy: 1}
	gcp := failover.Cloud{Name: "gcp", Weight: 30, Healthy: 1}
	tiers := []sla.Tier{{Name: "critical"}}
	both := failover.Compute(failover.Input{Clouds: []failover.Cloud{onprem, gcp}, Tiers: tiers})
	onprem.State = health.Down
	one := failover.Compute(failover.Input{Clouds: []failover.Cloud{onprem, gcp}, Tiers: tiers})

	plan := failover.Limit(both, one, 50*time.Millisecond, 0.1)
	fmt.Printf("lost: onprem gets %.0f %%\n", 100*plan.Tiers[0].Shares[1].Fraction)
	for second := 1; second <= 3; second++ {
		plan = failover.Limit(plan, both, time.Second, 0.1)
		fmt.Printf("%d s later: %.0f %%\n", second, 100*plan.Tiers[0].Shares[1].Fraction)
	}
	// Output:
	// lost: onprem gets 0 %
	// 1 s later: 10 %
	// 2 s later: 20 %
	// 3 s later: 30 %
}

func ExampleReadmission() {
	var way failover.Readmission
	way.Fell(0)
	var s failover.Signs
	for now := time.Second; way.Stage() != failover.Open; now += time.Second {
		s.Answered = true // by probes, and by calls as soon as there are some
		s.Good += 25
		s.Unprotected += 10
		way.Step(now, s)
		fmt.Printf("%v: %s, so %g of the normal share, %g for protected tiers\n", now, way.Stage(), way.Gate(false), way.Gate(true))
	}
	// Output:
	// 1s: hold-down, so 0 of the normal share, 0 for protected tiers
	// 2s: gate 1 %, so 0.01 of the normal share, 0 for protected tiers
	// 3s: gate 10 %, so 0.1 of the normal share, 0.01 for protected tiers
	// 4s: gate 10 %, so 0.1 of the normal share, 0.01 for protected tiers
	// 5s: gate 50 %, so 0.5 of the normal share, 0.1 for protected tiers
	// 6s: gate 50 %, so 0.5 of the normal share, 0.1 for protected tiers
	// 7s: gate 100 %, so 1 of the normal share, 0.5 for protected tiers
	// 8s: gate 100 %, so 1 of the normal share, 0.5 for protected tiers
	// 9s: open, so 1 of the normal share, 1 for protected tiers
}
