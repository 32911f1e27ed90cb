package balancer

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func small() *Config {
	return &Config{
		Clouds: map[string]Cloud{"onprem": {}, "gcp": {Weight: 3}},
		Services: map[string]Service{"routing-api": {Clouds: map[string]ServiceCloud{
			"onprem": {HTTP: []string{"http://10.1.0.11:8080"}},
			"gcp":    {HTTP: []string{"https://routing.gcp.example.com"}},
		}}},
	}
}

func TestDefaults(t *testing.T) {
	c := small()
	got, err := c.resolved()
	if err != nil {
		t.Fatal(err)
	}
	want := small()
	want.Version = 1
	want.Clouds["onprem"] = Cloud{Weight: 1, Host: HostEndpoint}
	want.Clouds["gcp"] = Cloud{Weight: 3, Host: HostEndpoint}
	want.Tiers = []sla.Tier{{
		Name: "default", Attempts: 2, Spill: sla.SpillAllow, Objective: sla.Objective{Target: 0.999, Window: 720 * time.Hour},
	}}
	want.Default = "default"
	want.Health = health.Settings{}.WithDefaults()
	want.Failover = failover.Settings{}.WithDefaults()
	want.Retry = failover.BudgetSettings{}.WithDefaults()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestDefaultTierIsTheLast(t *testing.T) {
	c := small()
	c.Tiers = []sla.Tier{{Name: "critical"}, {Name: "batch", Attempts: 5}}
	d, err := c.resolved()
	if err != nil {
		t.Fatal(err)
	}
	if d.Default != "batch" || d.Tiers[0].Attempts != 2 || d.Tiers[1].Attempts != 5 {
		t.Errorf("got default %q, tiers %+v", d.Default, d.Tiers)
	}
}

func TestResolvedRefusesFaults(t *testing.T) {
	if c, err := new(Config).resolved(); err == nil {
		t.Errorf("an empty Config resolved to %+v", c)
	}
}

// The router keeps what it was given, whatever the caller does afterwards.
func TestResolvedIsDeep(t *testing.T) {
	c, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.resolved()
	if err != nil {
		t.Fatal(err)
	}
	before := encode(d)
	c.Clouds["onprem"] = Cloud{Weight: 99}
	c.Services["routing-api"].Clouds["onprem"].HTTP[0] = "http://changed"
	c.Services["routing-api"].Clouds["gcp"] = ServiceCloud{}
	c.Services["routing-api"].Tiers[0].Clouds.Prefer[0] = "changed"
	delete(c.Services, "maps.example.com")
	c.Tiers[2].Clouds.Only[0] = "changed"
	c.Tiers[2].Clouds.Prefer[0] = "changed"
	c.Tiers[0].Name = "changed"
	c.Assign[0].Tier = "changed"
	c.Sensitive[0] = "changed"
	c.Contracts[0].Name = "changed"
	if got := encode(d); got != before {
		t.Errorf("changed along:\n%s\n%s", got, before)
	}
}

func TestTiersOf(t *testing.T) {
	c := small()
	c.Tiers = []sla.Tier{
		{Name: "critical", Protected: true, Timeout: time.Second, Attempts: 3, Objective: sla.Objective{Latency: 300 * time.Millisecond}},
		{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"gcp"}, Only: []string{"gcp", "onprem"}}},
	}
	c.Services["own"] = Service{
		Clouds: c.Services["routing-api"].Clouds,
		Tiers: []sla.Tier{
			{Name: "batch", Protected: true, Attempts: 1, Clouds: sla.Clouds{Prefer: []string{"onprem"}}},
			{Name: "critical", Timeout: 500 * time.Millisecond, Objective: sla.Objective{Latency: 200 * time.Millisecond}, Clouds: sla.Clouds{Only: []string{"onprem"}}},
		},
	}
	if got := c.tiersOf("routing-api"); !reflect.DeepEqual(got, c.Tiers) {
		t.Errorf("without figures of its own: got %+v", got)
	}
	want := []sla.Tier{
		{Name: "critical", Protected: true, Timeout: 500 * time.Millisecond, Attempts: 3, Objective: sla.Objective{Latency: 200 * time.Millisecond}, Clouds: sla.Clouds{Only: []string{"onprem"}}},
		{Name: "batch", Protected: true, Attempts: 1, Clouds: sla.Clouds{Prefer: []string{"onprem"}, Only: []string{"gcp", "onprem"}}},
	}
	if got := c.tiersOf("own"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// anyConfig draws valid configurations.
func anyConfig(t *rapid.T) *Config {
	names := func(label string, most int) []string {
		return rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9]([a-z0-9._-]{0,6}[a-z0-9])?`), 1, most, rapid.ID).Draw(t, label)
	}
	duration := func(label string) time.Duration {
		return time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, label))
	}
	clouds, tiers := names("clouds", 4), names("tiers", 4)
	c := &Config{Clouds: map[string]Cloud{}, Services: map[string]Service{}}
	for _, cloud := range clouds {
		c.Clouds[cloud] = Cloud{
			Weight: rapid.Uint32().Draw(t, "weight"),
			Trust:  rapid.SampledFrom([]string{"", "internal", "partner"}).Draw(t, "trust"),
			Host:   rapid.SampledFrom([]Host{"", HostEndpoint, HostCaller}).Draw(t, "host"),
			Ready:  rapid.SampledFrom([]time.Duration{0, 30 * time.Second}).Draw(t, "ready"),
		}
	}
	anyTier := func(name string) sla.Tier {
		tier := sla.Tier{Name: name, Protected: rapid.Bool().Draw(t, "protected"), Attempts: rapid.IntRange(0, 10).Draw(t, "attempts")}
		if rapid.Bool().Draw(t, "timed") {
			tier.Timeout, tier.Objective.Latency = duration("timeout"), duration("latency")
		}
		if rapid.Bool().Draw(t, "promising") {
			tier.Objective.Target = rapid.Float64Range(0.5, 0.99999).Draw(t, "target")
			tier.Objective.Window = time.Duration(rapid.IntRange(1, 720).Draw(t, "hours")) * time.Hour
		}
		if rapid.Bool().Draw(t, "hedging") {
			tier.Hedge = rapid.Float64Range(1e-6, 0.5).Draw(t, "hedge")
		}
		if rapid.Bool().Draw(t, "reserving") {
			tier.Reserve = rapid.Float64Range(0.001, 0.999).Draw(t, "reserve")
		}
		tier.Spill = rapid.SampledFrom([]sla.Spill{"", sla.SpillAllow, sla.SpillNever}).Draw(t, "spill")
		if rapid.Bool().Draw(t, "preferring") {
			tier.Clouds.Prefer = rapid.Permutation(clouds).Draw(t, "prefer")
		}
		return tier
	}
	for _, name := range tiers {
		c.Tiers = append(c.Tiers, anyTier(name))
	}
	for _, name := range names("services", 3) {
		service := Service{Clouds: map[string]ServiceCloud{}}
		for i, cloud := range clouds {
			if i == 0 || rapid.Bool().Draw(t, "runs") {
				hosts := rapid.SliceOfNDistinct(rapid.StringMatching(`(https?://|h2c://)([a-z][a-z0-9]{0,5}\.example|10\.0\.0\.[1-9])(:[1-9][0-9]{0,3})?(/[a-z]{1,4})?`), 1, 3, canonical).Draw(t, "http")
				runs := ServiceCloud{HTTP: hosts}
				if rapid.Bool().Draw(t, "speaks gRPC") {
					runs.GRPC = rapid.SampledFrom([][]string{{"10.0.0.1:9090", "a.example"}, {"dns:///a.example:1"}, {"unix:///run/a.sock"}}).Draw(t, "grpc")
					runs.ServerName = rapid.SampledFrom([]string{"", "a.example"}).Draw(t, "serverName")
				}
				if rapid.Bool().Draw(t, "bounded") {
					runs.Capacity = rapid.Float64Range(0.1, 1e6).Draw(t, "capacity")
					runs.Ceiling = rapid.SampledFrom([]float64{0, runs.Capacity, 3 * runs.Capacity}).Draw(t, "ceiling")
				}
				service.Clouds[cloud] = runs
			}
		}
		if rapid.Bool().Draw(t, "own figures") {
			service.Tiers = []sla.Tier{anyTier(tiers[len(tiers)-1])}
		}
		service.Subset = rapid.SampledFrom([]int{0, 2, 1000}).Draw(t, "subset")
		if trust := c.Clouds[clouds[0]].Trust; trust != "" && rapid.Bool().Draw(t, "trusting") {
			service.Trust = trust
		}
		c.Services[name] = service
	}
	if rapid.Bool().Draw(t, "planning") {
		start := time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "start"), 0).UTC()
		c.Changes = []failover.Change{{
			ID: "weekly", Kind: failover.KindDrill, Cloud: clouds[0], Start: start, End: start.Add(30 * time.Minute), Repeat: 168 * time.Hour,
			Ramp: duration("ramp") / 3, Grace: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "grace"),
			Abort:   failover.AbortSettings{Burn: 10, Events: rapid.IntRange(0, 100).Draw(t, "events")},
			Allowed: []failover.Window{{Days: []string{"mon", "tue"}, From: "22:00", To: "06:00", Zone: "UTC"}},
			Force:   rapid.Bool().Draw(t, "force"),
		}, {
			ID: "migration", Kind: failover.KindShift, Weights: map[string]uint32{clouds[0]: 7}, From: map[string]uint32{clouds[0]: 1},
			Services: sortedKeys(c.Services), Start: start.Add(31 * time.Minute), Ramp: duration("shift"),
		}}
	}
	c.Instances = rapid.SampledFrom([]int{0, 1, 20}).Draw(t, "instances")
	c.Sensitive = rapid.SampledFrom([][]string{nil, {"X-Token"}, {"x-token", "!#$"}}).Draw(t, "sensitive")
	c.Assign = []sla.Rule{{Product: rapid.StringMatching(`[a-zé*: #"'-]{1,9}x`).Draw(t, "product"), Tier: tiers[0]}}
	c.Default = rapid.SampledFrom(append(tiers, "")).Draw(t, "default")
	if rapid.Bool().Draw(t, "contracts") {
		for _, name := range names("contracts", 3) {
			c.Contracts = append(c.Contracts, sla.Contract{
				Name: name, Product: rapid.StringMatching(`[a-zé: #"'-]{1,9}`).Draw(t, "product"), Customer: "of " + name,
				Target: rapid.Float64Range(0.01, 0.99999).Draw(t, "target"),
				Window: rapid.SampledFrom([]time.Duration{0, time.Hour, 720 * time.Hour}).Draw(t, "window"),
			})
		}
	}
	c.LevelKey = rapid.SampledFrom([]string{"", "env:KEY", "file:/run/a b: c#"}).Draw(t, "levelKey")
	if rapid.Bool().Draw(t, "settings") {
		c.Health.Probe = health.Probe{Path: "/ready?deep=1", Interval: duration("interval"), Rise: 2}
		c.Health.Ejection.Fraction = rapid.Float64Range(0.001, 1).Draw(t, "fraction")
		c.Failover = failover.Settings{Panic: failover.PanicFail, MinClouds: len(clouds), HoldDown: duration("holdDown")}
		c.Retry = failover.BudgetSettings{Bank: duration("bank"), Floor: rapid.Float64Range(1e-9, 1e9).Draw(t, "floor")}
	}
	return c
}

func canonical(raw string) string {
	endpoint, err := parseEndpointURL(raw)
	if err != nil {
		panic(err)
	}
	return endpoint.String()
}

// A literal and the file that says the same are the same.
func TestLiteralAndFileAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyConfig(t)
		if err := c.Validate(); err != nil {
			t.Fatalf("refused: %v\n%s", err, encode(c))
		}
		checkAccepted(t, c)
		got, err := ParseConfig([]byte(encode(c)))
		if err != nil {
			t.Fatalf("refused as a file: %v", err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("got  %+v\nwant %+v", got, c)
		}
	})
}
