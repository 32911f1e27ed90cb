package balancer

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// A literal has what a file can't have: fields that were never written down,
// and values that no file can express.
func TestValidateLiteral(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string // "": valid
	}{
		{"as it is", func(c *Config) {}, ""},
		{"zero", func(c *Config) { *c = Config{} },
			"clouds: must have from 1 to 64 clouds, has 0\nservices: must have at least one service"},
		{"weights whose sum overflows", func(c *Config) {
			c.Clouds["onprem"] = Cloud{Weight: math.MaxUint32}
			c.Clouds["gcp"] = Cloud{Weight: math.MaxUint32}
		}, ""},
		{"NaN", func(c *Config) { c.Failover.Slope = math.NaN() },
			"failover.slope: must be above 0 and at most 1, is NaN"},
		{"infinite", func(c *Config) { c.Retry.Floor = math.Inf(1) },
			"retry.floor: must be above 0 and at most 2147483647, is +Inf"},
		{"invalid UTF-8", func(c *Config) { c.Assign = []sla.Rule{{Product: "\xff", Tier: "default"}} },
			`assign[0].product: must be text without control characters, is "\xff"`},
		{"slow start off", func(c *Config) { c.Health.SlowStart = -1 }, ""},
		{"negative attempts", func(c *Config) { c.Tiers = []sla.Tier{{Name: "a", Attempts: -1}} },
			"tiers[0].attempts: must be from 1 to 10, is -1"},
		{"hold-down beyond the default of holdDownMax", func(c *Config) { c.Failover.HoldDown = time.Hour }, ""},
		{"service named as a host", func(c *Config) { c.Services["maps.example.com"] = c.Services["routing-api"] }, ""},
		{"fault in a service named as a host", func(c *Config) { c.Services["maps.example.com"] = Service{} },
			`services["maps.example.com"].clouds: must have at least one cloud`},
		{"a cloud that no service uses", func(c *Config) { c.Clouds["aws"] = Cloud{} }, ""},
		{"observed", func(c *Config) { c.Observe = "gcp" }, ""},
		{"rule for the tier that there is by default", func(c *Config) { c.Assign = []sla.Rule{{Product: "a", Tier: "default"}} }, ""},
		{"own figures for the tier that there is by default", func(c *Config) {
			s := c.Services["routing-api"]
			s.Tiers = []sla.Tier{{Name: "default", Attempts: 3}}
			c.Services["routing-api"] = s
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := small()
			test.change(c)
			got := ""
			if err := c.Validate(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}

// What stands in the place of a secret's name is most likely the secret.
func TestSecretsAreNotRepeated(t *testing.T) {
	c := small()
	c.LevelKey = "hunter2"
	c.Services["routing-api"].Clouds["gcp"].HTTP[0] = "https://operator:hunter2@gcp.example.com"
	err := c.Validate()
	var configError *ConfigError
	if !errors.As(err, &configError) || len(configError.Faults) != 2 {
		t.Fatalf("got %v, want 2 faults", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats a secret: %v", err)
	}
}
