package balancer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/sla"
)

func TestLoadFull(t *testing.T) {
	got, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Version: 1,
		Clouds: map[string]Cloud{
			"onprem": {Weight: 70, Trust: "internal", Host: HostEndpoint, Ready: 24 * time.Hour},
			"gcp":    {Weight: 30, Trust: "partner", Host: HostCaller, Ready: 30 * time.Second},
		},
		Services: map[string]Service{
			"routing-api": {
				Trust: "internal",
				Clouds: map[string]ServiceCloud{
					"onprem": {
						HTTP:       []string{"http://10.1.0.11:8080", "http://10.1.0.12:8080"},
						GRPC:       []string{"10.1.0.11:9090", "dns:///routing.onprem.example.com:9090", "unix:///run/routing.sock"},
						ServerName: "routing.onprem.example.com",
						Capacity:   4000,
						Ceiling:    5000,
					},
					"gcp": {
						HTTP:     []string{"https://routing.gcp.example.com", "http://[2001:db8::1]:8080/routing", "h2c://10.2.0.11:8080"},
						Capacity: 2000,
						Ceiling:  16000,
					},
				},
				Tiers: []sla.Tier{{
					Name: "critical", Protected: true,
					Objective: sla.Objective{Target: 0.9999, Latency: 200 * time.Millisecond, Window: 168 * time.Hour},
					Timeout:   500 * time.Millisecond, Attempts: 2, Hedge: 0.01, Reserve: 0.2,
					Clouds: sla.Clouds{Prefer: []string{"onprem"}}, Spill: sla.SpillAllow,
				}},
				Subset: 50,
			},
			"maps.example.com": {Trust: "partner", Subset: 2, Clouds: map[string]ServiceCloud{
				"gcp":    {HTTP: []string{"https://maps.gcp.example.com/v2"}},
				"onprem": {HTTP: []string{"http://10.1.0.21"}},
			}},
		},
		Tiers: []sla.Tier{
			{
				Name: "critical", Protected: true,
				Objective: sla.Objective{Target: 0.9995, Latency: 300 * time.Millisecond, Window: 720 * time.Hour},
				Timeout:   800 * time.Millisecond, Attempts: 3, Hedge: 0.02, Reserve: 0.3, Spill: sla.SpillAllow,
			},
			{Name: "standard", Objective: sla.Objective{Latency: time.Second}, Attempts: 2},
			{Name: "batch", Clouds: sla.Clouds{Prefer: []string{"gcp", "onprem"}, Only: []string{"onprem", "gcp"}}, Spill: sla.SpillNever},
		},
		Assign: []sla.Rule{
			{Product: "dispatch", Tier: "critical"},
			{Customer: "partner-*", Method: "GET /v1/*", Tier: "standard"},
		},
		Contracts: []sla.Contract{
			{Name: "acme-dispatch", Product: "dispatch", Customer: "acme", Target: 0.9999, Window: 720 * time.Hour},
			{Name: "globex", Product: "maps", Customer: "Globex, Inc.", Target: 0.99, Window: 168 * time.Hour},
		},
		Default:   "standard",
		Sensitive: []string{"X-Acme-Token", "x-session"},
		LevelKey:  "env:FAIRLEAD_LEVEL_KEY",
		Health: health.Settings{
			Probe:     health.Probe{Path: "/healthz", Interval: time.Second, Timeout: 500 * time.Millisecond, Rise: 2, Fall: 3},
			Ejection:  health.Ejection{Consecutive: 5, Base: 5 * time.Second, Max: 5 * time.Minute, Fraction: 0.5},
			SlowStart: 10 * time.Second,
		},
		Failover: failover.Settings{
			Panic: failover.PanicSpread, MinClouds: 1, HoldDown: time.Second, HoldDownMax: 5 * time.Minute, Slope: 0.1,
			ChangeInterval: 10 * time.Minute,
		},
		Retry: failover.BudgetSettings{Fraction: 0.1, Bank: 10 * time.Second, Floor: 10},
		Changes: []failover.Change{{
			ID: "weekly", Kind: failover.KindDrill, Cloud: "gcp",
			Start: time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 30, 18, 30, 0, 0, time.UTC),
			Ramp: 5 * time.Minute, Grace: 20 * time.Second, Repeat: 168 * time.Hour,
			Abort:   failover.AbortSettings{Burn: 10, Events: 100, Headroom: 0.2},
			Allowed: []failover.Window{{Days: []string{"mon", "tue"}, From: "22:00", To: "06:00", Zone: "Asia/Seoul"}},
			Blocked: []failover.Window{{Days: []string{"sat", "sun"}}},
		}, {
			ID: "migration", Kind: failover.KindShift, Services: []string{"routing-api"},
			From: map[string]uint32{"onprem": 100, "gcp": 0}, Weights: map[string]uint32{"onprem": 50, "gcp": 50},
			Start: time.Date(2027, 1, 13, 9, 0, 0, 0, time.UTC), End: time.Date(2027, 2, 1, 9, 0, 0, 0, time.UTC),
			Ramp: 24 * time.Hour, Force: true,
		}},
		Instances: 20,
		Observe:   "onprem",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

// full.yaml is the example of every key: a key that is added is added there.
func TestFullHasEveryKey(t *testing.T) {
	c, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// A service names only what differs and speaks what it speaks.
	full := c.Services["routing-api"].Clouds["onprem"]
	for name, service := range c.Services {
		service.Tiers = c.Tiers[:1]
		for cloud := range service.Clouds {
			service.Clouds[cloud] = full
		}
		c.Services[name] = service
	}
	batch := c.Tiers[2]
	c.Tiers[0].Clouds = batch.Clouds
	c.Tiers = c.Tiers[:1]
	c.Assign = []sla.Rule{{Product: c.Assign[0].Product, Customer: c.Assign[1].Customer, Method: c.Assign[1].Method, Tier: "critical"}}
	// A drill has other fields than a shift.
	drill, shift := &c.Changes[0], c.Changes[1]
	drill.Weights, drill.From, drill.Services, drill.Force = shift.Weights, shift.Weights, shift.Services, shift.Force
	drill.Blocked = drill.Allowed
	c.Changes = c.Changes[:1]
	requireNoZero(t, "", reflect.ValueOf(*c))
}

func requireNoZero(t *testing.T, path string, v reflect.Value) {
	if _, ok := v.Interface().(time.Time); ok && !v.IsZero() {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			requireNoZero(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
		return
	case reflect.Map:
		for _, key := range v.MapKeys() {
			requireNoZero(t, path+"."+key.String(), v.MapIndex(key))
		}
	case reflect.Slice:
		for i := range v.Len() {
			requireNoZero(t, path, v.Index(i))
		}
	}
	if v.IsZero() {
		t.Errorf("testdata/full.yaml does not set %s", path)
	}
}

func TestSmallIsEnough(t *testing.T) {
	c, err := Load("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Clouds["gcp"]; !ok {
		t.Error("a cloud without a value is lost")
	}
	if _, err := c.resolved(); err != nil {
		t.Error(err)
	}
}

func TestParseConfigReadsJSON(t *testing.T) {
	const text = `{"clouds": {"a": {"weight": 2}}, "services": {"s": {"clouds": {"a": {"http": ["http://h:1"]}}}}, "retry": {"bank": "5s"}}`
	c, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.Clouds["a"].Weight != 2 || c.Retry.Bank != 5*time.Second {
		t.Errorf("got %+v", c)
	}
}

func TestParseConfigErrorWithoutFile(t *testing.T) {
	_, err := ParseConfig([]byte("clouds: {a: {weight: -1}}\nservices: {s: {clouds: {}}}\n"))
	const want = "line 1: clouds.a.weight: must not be negative, is -1\n" +
		"line 2: services.s.clouds: must have at least one cloud"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var configError *ConfigError
	if !errors.As(err, &configError) || configError.Faults[0] != (Fault{1, "clouds.a.weight", "must not be negative, is -1"}) {
		t.Errorf("got %#v", err)
	}
}

func TestTooLong(t *testing.T) {
	valid, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "long.yaml")
	comment := strings.Repeat("#", 10<<20)
	if err := os.WriteFile(path, append(valid, comment...), 0o600); err != nil {
		t.Fatal(err)
	}
	if read, err := readFile(path, 100); err != nil || len(read) != 100 {
		t.Errorf("read %d bytes, %v; want 100", len(read), err)
	}
	_, err = Load(path)
	if want := path + ": the configuration must be at most 1048576 bytes long"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// No prefix of a file is mistaken for something else than a configuration
// that would be valid by itself.
func TestTruncated(t *testing.T) {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if raceEnabled {
		step = 13 // no goroutine is in it, and all of it takes minutes
	}
	for n := 0; n < len(data); n += step {
		c, err := ParseConfig(data[:n])
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("the first %d bytes are accepted but not valid: %v", n, err)
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v, want fs.ErrNotExist", err)
	}
	if _, err := Load(dir); !errors.Is(err, errNotRegular) {
		t.Errorf("directory: got %v, want errNotRegular", err)
	}
}

// Whatever is accepted stays valid, means the same when it is written out
// again, and has valid defaults.
func FuzzParseConfig(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/malformed/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			var configError *ConfigError
			if !errors.As(err, &configError) || len(configError.Faults) == 0 {
				t.Fatalf("not a ConfigError with faults: %#v", err)
			}
			return
		}
		checkAccepted(t, c)
	})
}

func checkAccepted(t interface{ Fatalf(string, ...any) }, c *Config) {
	d, err := c.resolved()
	if err != nil {
		t.Fatalf("accepted, then refused: %v", err)
	}
	if err := d.Validate(); err != nil {
		t.Fatalf("refused with its defaults: %v", err)
	}
	text := encode(c)
	again, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatalf("refused when written out again as %s: %v", text, err)
	}
	if got := encode(again); got != text {
		t.Fatalf("changed when written out again:\n%s\n%s", text, got)
	}
	for _, service := range c.Services {
		for _, cloud := range service.Clouds {
			for p := range Protocol(protocols) {
				for _, raw := range cloud.endpoints(p) {
					endpoint, err := parseEndpoint(raw, p)
					if err != nil {
						t.Fatalf("endpoint %q: %v", raw, err)
					}
					if same, err := parseEndpoint(endpoint.String(), p); err != nil || same != endpoint {
						t.Fatalf("endpoint %q became %q: %v", raw, endpoint, err)
					}
				}
			}
		}
	}
}
