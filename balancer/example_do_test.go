package balancer_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

// A call of a protocol of one's own. One cloud is lost; the caller doesn't
// notice.
func ExampleDo() {
	cfg, err := balancer.ParseConfig([]byte(`
clouds: {onprem: {weight: 70}, gcp: {weight: 30}}
services:
  routes:
    clouds:
      onprem: {http: [http://10.1.0.11:8080]}
      gcp:    {http: [http://10.2.0.11:8080]}
tiers:
  - {name: critical, protected: true, timeout: 800ms, attempts: 3}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	router, err := balancer.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer router.Close()
	router.SetProber(balancer.HTTP, func(context.Context, balancer.Probe) health.Outcome {
		return health.Outcome{Kind: health.OK}
	})

	ask := func(_ context.Context, at balancer.Attempt) (string, health.Outcome, error) {
		if at.Cloud() == "onprem" {
			return "", health.Outcome{Kind: health.Refused, Reason: "connection refused"}, errors.New("connection refused")
		}
		return "a route from " + at.Cloud(), health.Outcome{Kind: health.OK}, nil
	}
	ctx := sla.WithTier(context.Background(), "critical")
	for range 3 {
		fmt.Println(balancer.Do(ctx, router, balancer.Call{Service: "routes", Idempotent: true}, ask, nil))
	}
	// Output:
	// a route from gcp <nil>
	// a route from gcp <nil>
	// a route from gcp <nil>
}
