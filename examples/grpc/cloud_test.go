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
)

// TestMain lets this test's own program be an endpoint, as the example's is.
func TestMain(m *testing.M) {
	if name := os.Getenv(endpointEnv); name != "" {
		if err := serveProcess(name, os.Getenv(addressEnv)); err != nil {
			os.Exit(1)
		}
		return
	}
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

func TestCloudsLiveAndDie(t *testing.T) {
	clouds, err := startClouds()
	if err != nil {
		t.Fatal(err)
	}
	defer clouds.stop()
	onprem := clouds["onprem"]
	address := onprem.addresses[1]
	answers := func(when string) {
		t.Helper()
		if route, cloud, err := ask(t, address); err != nil || route != "a route to Jeju" || cloud != "onprem" {
			t.Errorf("%s: %q of %q, %v", when, route, cloud, err)
		}
	}
	answers("started")
	if err := onprem.kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ask(t, address); status.Code(err) != codes.Unavailable {
		t.Errorf("killed: %v", err)
	}
	if err := onprem.start(); err != nil {
		t.Fatal(err)
	}
	answers("started again")
	if onprem.addresses[1] != address {
		t.Errorf("came back at %s, was at %s", onprem.addresses[1], address)
	}
}

func TestConfigIsGood(t *testing.T) {
	all := clouds{
		"onprem": {addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}},
		"gcp":    {addresses: []string{"127.0.0.1:3"}},
	}
	cfg, err := balancer.ParseConfig(all.config())
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
