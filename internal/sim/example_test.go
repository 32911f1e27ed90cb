package sim_test

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
)

// The larger of two clouds freezes for ten seconds. Nobody notices.
func Example() {
	r, err := sim.Run(sim.Scenario{
		Seed:     1,
		Duration: 40 * time.Second,
		Clients:  10,
		Rate:     1000,
		Clouds:   []sim.Cloud{{Name: "onprem", Weight: 70}, {Name: "gcp", Weight: 30}},
		Faults:   []sim.Fault{{Kind: sim.Freeze, Cloud: "onprem", From: 10 * time.Second, Until: 20 * time.Second}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, failed := r.Calls()
	fmt.Printf("%d calls failed\n", failed)
	fmt.Printf("onprem had %.0f %% before", 100*r.Share("onprem", 0, 10*time.Second))
	fmt.Printf(" and %.0f %% from a second on\n", 100*r.Share("onprem", 11*time.Second, 20*time.Second))
	// Output:
	// 0 calls failed
	// onprem had 70 % before and 0 % from a second on
}
