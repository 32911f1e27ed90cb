package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/internal/clouds"
)

// TestMain lets this test's own program be an endpoint, as the example's is.
func TestMain(m *testing.M) {
	clouds.Serve(serve)
	os.Exit(m.Run())
}

// ask asks an endpoint for a route, without any router.
func ask(t *testing.T, address string) (route, cloud string, err error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return routingClient{conn}.Route(ctx, "Jeju")
}

func TestEndpoint(t *testing.T) {
	all, err := clouds.Start(1, "onprem")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Stop()
	onprem := all["onprem"]
	if route, cloud, err := ask(t, onprem.Addresses[0]); err != nil || route != "a route to Jeju" || cloud != "onprem" {
		t.Errorf("%q of %q, %v", route, cloud, err)
	}
	onprem.Kill()
	if _, _, err := ask(t, onprem.Addresses[0]); status.Code(err) != codes.Unavailable {
		t.Errorf("killed: %v", err)
	}
}

func TestConfigIsGood(t *testing.T) {
	all := clouds.Clouds{
		"onprem": {Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}},
		"gcp":    {Addresses: []string{"127.0.0.1:3"}},
	}
	cfg, err := balancer.ParseConfig(all.Config(configText))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Services["routing-api"].Clouds["onprem"].GRPC; len(got) != 2 || got[1] != "127.0.0.1:2" {
		t.Errorf("onprem has %q", got)
	}
	for name, share := range split {
		if got := float64(cfg.Clouds[name].Weight) / 100; got != share {
			t.Errorf("%s has weight %v, the report expects %v", name, got, share)
		}
	}
	var names []string
	for _, tier := range cfg.Tiers {
		names = append(names, tier.Name)
	}
	if strings.Join(names, " ") != strings.Join(tierNames, " ") {
		t.Errorf("tiers are %q, want %q", names, tierNames)
	}
}
