package balancer

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func someEndpoints(n int) (all []Endpoint) {
	for i := range n {
		all = append(all, Endpoint{Scheme: "http", Address: fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1)})
	}
	return all
}

func TestSubset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := someEndpoints(rapid.IntRange(1, 300).Draw(t, "endpoints"))
		n := rapid.IntRange(0, 40).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		got := subset(all, n, seed)
		want := len(all)
		if n > 0 {
			want = min(n, len(all))
		}
		if len(got) != want || !slices.IsSortedFunc(got, func(a, b Endpoint) int { return slices.Index(all, a) - slices.Index(all, b) }) {
			t.Fatalf("got %d of %d endpoints, want %d in their order", len(got), len(all), want)
		}
		// Whoever goes takes only its own place with it.
		gone := rapid.IntRange(0, len(all)-1).Draw(t, "gone")
		changed := 0
		for _, e := range subset(slices.Delete(slices.Clone(all), gone, gone+1), n, seed) {
			if !slices.Contains(got, e) {
				changed++
			}
		}
		if changed > 1 {
			t.Fatalf("%d endpoints are new because one has gone", changed)
		}
	})
}

// Many processes spread themselves evenly.
func TestSubsetsAreSpread(t *testing.T) {
	all := someEndpoints(200)
	users := map[string]int{}
	const processes, n = 2000, 20
	for seed := range uint64(processes) {
		for _, e := range subset(all, n, seed*0x9e3779b97f4a7c15) {
			users[e.Address]++
		}
	}
	for _, e := range all {
		// The mean is 200 and its deviation 13.4: six of them are one in 10⁹.
		if got := users[e.Address]; got < 120 || got > 280 {
			t.Errorf("%s is used by %d processes, want about %d", e.Address, got, processes*n/len(all))
		}
	}
}

func TestRouterUsesASubset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		var urls []string
		for _, e := range someEndpoints(100) {
			urls = append(urls, "http://"+e.Address)
		}
		api := cfg.Services["api"]
		api.Clouds["a"], api.Subset = ServiceCloud{HTTP: urls}, 10
		cfg.Services["api"] = api
		r := newWorld().router(t, cfg)
		places, _, err := r.Places("api", HTTP)
		if err != nil || len(places) != 12 {
			t.Fatalf("%d places, %v; want 10 of a and the 2 of b", len(places), err)
		}
		api.Subset = 20
		cfg.Services["api"] = api
		if err := r.Update(cfg); err != nil {
			t.Fatal(err)
		}
		more, _, err := r.Places("api", HTTP)
		if err != nil || len(more) != 22 {
			t.Fatalf("%d places, %v", len(more), err)
		}
		for _, p := range places {
			if !slices.ContainsFunc(more, func(q Place) bool { return q.Endpoint == p.Endpoint }) {
				t.Errorf("%s was given up though there is room for more", p.Endpoint)
			}
		}
	})
}
