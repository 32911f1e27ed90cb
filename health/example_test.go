package health_test

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// A cloud of three endpoints dies at 1 s. Its calls are refused; the sweep
// after the sixth says so.
func Example() {
	endpoints := []*health.Endpoint{{}, {}, {}}
	onprem := health.NewTarget(health.Settings{}, []health.Objective{{Tier: "critical", Latency: 300 * time.Millisecond}}, 0)
	onprem.SetEndpoints(0, endpoints)

	call := 0
	for now := time.Duration(0); now < 2*time.Second; now += 10 * time.Millisecond {
		if onprem.State() != health.Down {
			e := endpoints[call%len(endpoints)]
			call++
			e.Begin(0)
			outcome := health.Outcome{Kind: health.OK}
			if now >= time.Second {
				outcome = health.Outcome{Kind: health.Refused, Reason: "connection refused"}
			}
			onprem.Record(e, 0, now, now+2*time.Millisecond, outcome)
			e.End()
		}
		if now%(50*time.Millisecond) == 0 {
			changes, _ := onprem.Sweep(now, 1)
			for _, c := range changes {
				fmt.Printf("%v: %v → %v: %s\n", c.At, c.From, c.To, c.Reason)
			}
		}
	}
	// Output:
	// 50ms: unknown → healthy: answers
	// 1.05s: healthy → down: failing: 6 of 10 attempts in the last 100ms, connection refused
}

// While both clouds are down since the same moment, the fault is probably on
// this side.
func ExampleCorrelation() {
	var c health.Correlation
	down := []time.Duration{10 * time.Second, 10400 * time.Millisecond}
	for _, now := range []time.Duration{10500 * time.Millisecond, 16 * time.Second} {
		if from, reason := c.Step(now, down, ""); reason != "" {
			fmt.Printf("%v: %s, those that fell from %v on are held\n", now, reason, from)
		} else {
			fmt.Printf("%v: not held\n", now)
		}
	}
	// Output:
	// 10.5s: all 2 clouds went down within 400ms, those that fell from 9.4s on are held
	// 16s: not held

}
