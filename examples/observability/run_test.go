package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every metric that a file names is served; rules record the others, whose names
// have colons.
func TestMetricsAreServed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listener, out := free(t), new(bytes.Buffer)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := run(running, listener, 0, out)
		ended <- err
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var want []string
	recorded := read(t, "prometheus/rules.yml")
	for _, file := range []string{"prometheus/rules.yml", "grafana/dashboard.json", "kubernetes/keda.yaml", "kubernetes/hpa.yaml"} {
		for _, name := range metricsIn(read(t, file)) {
			if !strings.Contains(name, ":") {
				want = append(want, name)
			} else if !strings.Contains(recorded, "record: "+name+"\n") {
				t.Errorf("%s names %s, which no rule records", file, name)
			}
		}
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for missing := "everything"; missing != ""; {
		select {
		case <-ctx.Done():
			t.Fatalf("not served: %s", missing)
		case <-ticker.C:
		}
		text := get(t, "http://"+listener.Addr().String()+"/metrics")
		missing = ""
		for _, name := range want {
			if !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+" ") {
				missing += " " + name
			}
		}
	}
}

// The status page is there beside the metrics, and reads only.
func TestPageIsServed(t *testing.T) {
	running, stop := context.WithCancel(t.Context())
	listener := free(t)
	ended := make(chan error, 1)
	go func() {
		_, err := run(running, listener, 0, io.Discard)
		ended <- err
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	page := "http://" + listener.Addr().String() + pagePath
	for path, want := range map[string]string{"": "routing-api", "?format=json": `"headline"`, "changes": "There are none", "explain?service=routing-api": "The answer"} {
		if text := get(t, page+path); !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%.500s", path, want, text)
		}
	}
	resp, err := http.Post(page, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", resp.Status)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestCloudsAreKilledAndStarted(t *testing.T) {
	clouds, err := startClouds("onprem", "gcp")
	if err != nil {
		t.Fatal(err)
	}
	defer clouds.stop()
	address := clouds["onprem"].servers[0].address
	answers := func() bool {
		resp, err := http.Get("http://" + address)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	for range 2 {
		if err := clouds["onprem"].start(); err != nil || !answers() {
			t.Errorf("started, it doesn't answer: %v", err)
		}
		if err := clouds["onprem"].kill(); err != nil || answers() {
			t.Errorf("killed, it answers: %v", err)
		}
	}
}
