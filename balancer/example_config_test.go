package balancer_test

import (
	"errors"
	"fmt"

	"github.com/fairlead-go/fairlead/balancer"
)

func ExampleParseConfig() {
	cfg, err := balancer.ParseConfig([]byte(`
clouds:
  onprem: {weight: 70}
  gcp:    {weight: 30}
services:
  routing-api:
    clouds:
      onprem: {http: [http://10.1.0.11:8080, http://10.1.0.12:8080]}
      gcp:    {http: [https://routing.gcp.example.com]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Clouds["onprem"].Weight, cfg.Services["routing-api"].Clouds["gcp"].HTTP)
	// Output: 70 [https://routing.gcp.example.com]
}

// All faults are reported at once, each with its line and path.
func ExampleConfigError() {
	_, err := balancer.ParseConfig([]byte(`
clouds:
  onprem: {wieght: 70}
  gcp:    {weight: 0}
services:
  routing-api:
    clouds:
      onprem: {http: [10.1.0.11:8080]}
`))
	fmt.Println(err)

	var configError *balancer.ConfigError
	if errors.As(err, &configError) {
		fmt.Println(len(configError.Faults), "faults, the first on line", configError.Faults[0].Line)
	}
	// Output:
	// line 3: clouds.onprem.wieght: is not a known key; did you mean weight?
	// line 4: clouds.gcp.weight: must be from 1 to 4294967295, is 0; to take a cloud out of use, drain it
	// line 8: services.routing-api.clouds.onprem.http[0]: must be an absolute URL such as http://10.1.0.11:8080, is "10.1.0.11:8080"
	// 3 faults, the first on line 3
}
