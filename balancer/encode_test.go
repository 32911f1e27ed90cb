package balancer

import (
	"reflect"
	"strings"
	"testing"
)

// encode writes a Config as a file.
func encode(c *Config) string { return string(c.Encode()) }

// What is encoded is for people, too.
func TestEncode(t *testing.T) {
	c, err := ParseConfig([]byte(`
clouds: {onprem: {weight: 70}, "null": {}}
services:
  routing-api:
    clouds: {onprem: {http: ["http://10.1.0.11:8080"], capacity: 1.5}, "null": {grpc: ["[2001:db8::1]:443"]}}
tiers: [{name: critical, protected: true, timeout: 800ms, objective: {target: 0.9995, window: 720h}}]
assign: [{customer: "partner-*", tier: critical}]
levelKey: env:FAIRLEAD_LEVEL_KEY
`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `clouds:
  "null":
  onprem:
    weight: 70
services:
  routing-api:
    clouds:
      "null":
        grpc: ["[2001:db8::1]:443"]
      onprem:
        http: [http://10.1.0.11:8080]
        capacity: 1.5
tiers:
  - {name: critical, protected: true, objective: {target: 0.9995, window: 720h}, timeout: 800ms}
assign:
  - {customer: "partner-*", tier: critical}
levelKey: env:FAIRLEAD_LEVEL_KEY
`
	if got := encode(c); got != want {
		t.Errorf("got:\n%s", got)
	}
	if again, err := ParseConfig(c.Encode()); err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("read again: %v\n%+v", err, again)
	}
}

// The config in force is whole, and the router's own: changing what Config
// returned changes nothing.
func TestConfigInForce(t *testing.T) {
	r := newWorld().router(t, testConfig())
	c := r.Config()
	if c.Tiers[1].Attempts != defaultAttempts {
		t.Errorf("defaults are missing: %+v", c.Tiers[1])
	}
	c.Tiers[0].Name = "changed"
	if text := encode(r.Config()); strings.Contains(text, "changed") {
		t.Errorf("changed along:\n%s", text)
	}
}
