package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// one is a config of one server.
func one(url string) *balancer.Config {
	return &balancer.Config{
		Clouds:   map[string]balancer.Cloud{"onprem": {}},
		Services: map[string]balancer.Service{"shop": {Clouds: map[string]balancer.ServiceCloud{"onprem": {HTTP: []string{url}}}}},
	}
}

func TestOwnClouds(t *testing.T) {
	cfg, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := run(t.Context(), cfg, order{url: "http://routing-api/", requests: 500, atOnce: 4}, &b); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"500 requests in", "answers: 200 × 500\n", "gcp      http://127.0.0.1:", "\n450 requests, 0 failed\n", "latency: p50 "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestSampleConfig(t *testing.T) {
	if _, err := load("fairlead.yaml"); err != nil {
		t.Error(err)
	}
}

func TestOutcomes(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, test := range []struct {
		name   string
		status int
		prints string
		fails  string
	}{
		{"fine", 200, "answers: 200 × 9", ""},
		{"not found is an answer", 404, "answers: 404 × 9", ""},
		{"redirects aren't followed", 302, "answers: 302 × 9", ""},
		{"server's fault", 500, "answers: 500 × 9", "9 of 9 requests failed"},
		{"nobody there", 0, "answers: none × 9", "9 of 9 requests failed; the first without an answer: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.status == 302 {
					w.Header().Set("Location", "http://shop/elsewhere")
				}
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			url := server.URL
			if test.status == 0 {
				url = "http://" + nobody.Addr().String()
			}
			var b strings.Builder
			err := run(t.Context(), one(url), order{url: "http://shop/", requests: 9, atOnce: 1}, &b)
			if got := ""; err != nil {
				got = err.Error()
				if test.fails == "" || !strings.HasPrefix(got, test.fails) {
					t.Errorf("failed with %q, want %q", got, test.fails)
				}
			} else if test.fails != "" {
				t.Errorf("didn't fail, want %q", test.fails)
			}
			if !strings.Contains(b.String(), test.prints+"\n") {
				t.Errorf("no %q in\n%s", test.prints, &b)
			}
		})
	}
}

func TestUnknownService(t *testing.T) {
	err := run(t.Context(), one("http://127.0.0.1:1"), order{url: "http://elsewhere/", requests: 1, atOnce: 1}, &strings.Builder{})
	if unknown := new(balancer.UnknownServiceError); !errors.As(err, &unknown) || unknown.Service != "elsewhere" {
		t.Errorf("got %v", err)
	}
}

func TestRate(t *testing.T) {
	o := order{rate: 100}
	if !o.await(t.Context(), time.Now().Add(-time.Second), 101) {
		t.Error("request 101 isn't due after a second at 100 per second")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o.await(ctx, time.Now(), 1_000_000) {
		t.Error("went on after the end")
	}
}
