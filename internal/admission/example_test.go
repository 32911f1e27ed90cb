package admission_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/internal/admission"
	"github.com/fairlead-go/fairlead/sla"
)

// A server for six calls at a time, with more to do than it can.
func Example() {
	tiers := []sla.Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}}
	classifier, err := sla.NewClassifier(tiers, nil, "standard", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	control := admission.New(admission.Config{Classifier: classifier, Cap: 6})

	for _, name := range []string{"batch", "standard", "critical"} {
		ctx, tier := control.Restore(context.Background(), admission.Arrival{Tier: []string{name}})
		for control.Enter(ctx, tier, time.Now()) == admission.Admitted {
		}
		fmt.Println("no", name, "call beyond", control.InFlight())
	}
	// Output:
	// no batch call beyond 3
	// no standard call beyond 5
	// no critical call beyond 6
}
