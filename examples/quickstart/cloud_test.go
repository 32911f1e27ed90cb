package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/internal/clouds"
)

// TestMain lets this test's own program be an endpoint, as the quickstart's is.
func TestMain(m *testing.M) {
	clouds.Serve(serve)
	os.Exit(m.Run())
}

func TestEndpoint(t *testing.T) {
	all, err := clouds.Start(1, "gcp")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for path, want := range map[string]string{"/v1/route": `"cloud":"gcp"`, "/healthz": "ok"} {
		resp, err := client.Get("http://" + all["gcp"].Addresses[0] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %q, %v", path, resp.Status, body, err)
		}
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
	if got := cfg.Services["routing-api"].Clouds["onprem"].HTTP; len(got) != 2 || got[1] != "http://127.0.0.1:2" {
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
