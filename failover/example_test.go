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

// Four times the usual peak: 16,000 calls/s onto clouds for 6,000. The critical
// ones are served. What the elastic cloud should have is known at once; when it
// does, onprem is full and the rest spills to it.
func ExampleCompute_capacity() {
	in := failover.Input{
		Clouds: []failover.Cloud{
			{Name: "onprem", Weight: 70, Healthy: 1, Capacity: 4000},
			{Name: "gcp", Weight: 30, Healthy: 1, Capacity: 2000, Ceiling: 16000},
		},
		Tiers:  []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}, {Name: "batch"}},
		Demand: []float64{3200, 8000, 4800},
	}
	show := func(plan failover.Plan) {
		for _, t := range plan.Tiers {
			fmt.Printf("%-9s", t.Tier)
			for _, s := range t.Shares {
				fmt.Printf(" %s %4.1f %% %-8s", s.Cloud, 100*s.Fraction, s.Reason)
			}
			fmt.Printf(" shed %.0f %%\n", 100*t.Shed)
		}
		for _, c := range plan.Clouds {
			fmt.Printf("%-9s %5.0f of %5.0f calls/s, should have %.0f\n", c.Cloud, c.Load, c.Capacity, c.Desired)
		}
	}
	show(failover.Compute(in))
	in.Clouds[1].Capacity = 16000
	fmt.Println("\ngcp has grown:")
	show(failover.Compute(in))
	// Output:
	// critical  gcp 30.0 % weights  onprem 70.0 % weights  shed 0 %
	// standard  gcp 37.1 % full     onprem 62.9 % full     shed 65 %
	// batch     gcp 30.0 % full     onprem 70.0 % full     shed 100 %
	// gcp        2000 of  2000 calls/s, should have 12000
	// onprem     4000 of  4000 calls/s, should have 4000
	//
	// gcp has grown:
	// critical  gcp 30.0 % weights  onprem 70.0 % weights  shed 0 %
	// standard  gcp 78.0 % spill    onprem 22.0 % full     shed 0 %
	// batch     gcp 100.0 % spill    onprem  0.0 % full     shed 0 %
	// gcp       12000 of 16000 calls/s, should have 12000
	// onprem     4000 of  4000 calls/s, should have 4000
}

// Each of three equal clouds may be lost for the sake of the critical calls, but
// not for that of all.
func ExampleLose() {
	in := failover.Input{
		Tiers:  []sla.Tier{{Name: "critical", Protected: true}, {Name: "standard"}},
		Demand: []float64{800, 1600},
	}
	for _, name := range []string{"onprem", "gcp", "aws"} {
		in.Clouds = append(in.Clouds, failover.Cloud{Name: name, Weight: 1, Healthy: 1, Capacity: 1000})
	}
	for _, c := range in.Clouds {
		loss := failover.Lose(in, c.Name)
		fmt.Printf("%s: survives %t, %.0f calls/s missing of %v\n", loss.Cloud, loss.Survives, loss.Missing, loss.Short)
	}
	// Output:
	// onprem: survives true, 400 calls/s missing of [standard]
	// gcp: survives true, 400 calls/s missing of [standard]
	// aws: survives true, 400 calls/s missing of [standard]
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
