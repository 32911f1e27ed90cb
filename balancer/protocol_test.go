package balancer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// bothConfig is testConfig with gRPC beside HTTP in both clouds.
func bothConfig() *Config {
	cfg := testConfig()
	clouds := cfg.Services["api"].Clouds
	for name, address := range map[string]string{"a": "10.0.0.1:9090", "b": "10.0.1.1:9090"} {
		runs := clouds[name]
		runs.GRPC = []string{address}
		clouds[name] = runs
	}
	return cfg
}

// A cloud that is lost over one protocol isn't over the other.
func TestProtocolsAreKnownApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		cfg := bothConfig()
		cfg.Retry.Floor = 100 // enough until the loss is known
		r := w.router(t, cfg)
		r.SetProber(GRPC, w.probe)
		w.set("10.0.0.1:9090", refuses)
		for range 100 {
			if at, err := w.call(t.Context(), r, Call{Service: "api", Protocol: GRPC, Idempotent: true}); err != nil || at != "b 10.0.1.1:9090" {
				t.Fatalf("%s, %v", at, err)
			}
			if _, err := w.call(t.Context(), r, Call{Service: "api"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		states := map[Protocol]health.State{}
		for _, s := range r.Status().Services {
			states[s.Protocol] = s.Clouds[0].State
		}
		if states[GRPC] != health.Down || states[HTTP] != health.Healthy {
			t.Errorf("cloud a is %v", states)
		}
	})
}

func TestUnknownServiceNamesTheProtocol(t *testing.T) {
	r := newWorld().router(t, testConfig())
	_, err := r.Pick(t.Context(), Call{Service: "api", Protocol: GRPC}, nil)
	var unknown *UnknownServiceError
	if !errors.As(err, &unknown) || unknown.Protocol != GRPC {
		t.Fatal(err)
	}
	if got, want := err.Error(), `no service "api" with grpc endpoints in the config, which has no grpc endpoints`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
