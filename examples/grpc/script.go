package main

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// phase is a part of the script.
type phase struct {
	name string
	says string       // what happens, for the audience
	act  func() error // makes it happen; nil if nothing does
	lost string       // the cloud that is lost by it, if any
	// lasts is how long the phase is, or at most if it waits for the split.
	lasts        time.Duration
	untilSplitIs bool // as configured
}

// loser is what can be lost and come back.
type loser interface {
	Kill() error
	Start() error
}

// script returns what happens, in under 30 s.
func script(onprem loser) []phase {
	return []phase{
		{name: "steady", lasts: 3 * time.Second,
			says: "both clouds are up"},
		{name: "killed", lasts: 3 * time.Second, act: onprem.Kill, lost: "onprem",
			says: "SIGKILL to all of onprem"},
		{name: "restarted", lasts: 18 * time.Second, act: onprem.Start, untilSplitIs: true,
			says: "onprem is started again on the same ports"},
		{name: "steady again", lasts: 3 * time.Second,
			says: "onprem has its share again"},
	}
}

// refresh is how often the end of a phase is looked for.
const refresh = 100 * time.Millisecond

// play lets the phases happen, one after the other.
func play(ctx context.Context, phases []phase, router *balancer.Router, j *journal) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	defer j.end()
	for _, p := range phases {
		began := j.begin(p)
		if p.act != nil {
			if err := p.act(); err != nil {
				return err
			}
		}
		for j.now()-began < p.lasts && !(p.untilSplitIs && asConfigured(router)) {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return errors.New("interrupted")
			}
		}
	}
	return nil
}

// asConfigured reports whether every cloud has what its weight gives it.
func asConfigured(router *balancer.Router) bool {
	for _, service := range router.Status().Services {
		for _, tier := range service.Tiers {
			for _, share := range tier.Shares {
				if share.Fraction < split[share.Cloud]-0.005 {
					return false
				}
			}
		}
	}
	return true
}

// split is what the weights of the config come to.
var split = map[string]float64{"onprem": 0.70, "gcp": 0.30}
