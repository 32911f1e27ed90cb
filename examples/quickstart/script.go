package main

import (
	"context"
	"errors"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/internal/clouds"
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

	begin, end time.Duration // when it was played
}

// script returns what happens, in under 60 s.
func script(onprem *clouds.Cloud) []phase {
	return []phase{
		{name: "steady", lasts: 5 * time.Second,
			says: "both clouds are up"},
		{name: "killed", lasts: 4 * time.Second, act: onprem.Kill, lost: onprem.Name,
			says: "SIGKILL to all of onprem"},
		{name: "restarted", lasts: 18 * time.Second, act: onprem.Start, untilSplitIs: true,
			says: "onprem is started again on the same ports"},
		{name: "frozen", lasts: 4 * time.Second, act: onprem.Freeze, lost: onprem.Name,
			says: "SIGSTOP to all of onprem: it accepts connections and never answers"},
		{name: "thawed", lasts: 20 * time.Second, act: onprem.Thaw, untilSplitIs: true,
			says: "SIGCONT to all of onprem"},
		{name: "steady again", lasts: 6 * time.Second,
			says: "both clouds are up again"},
	}
}

// refresh is how often the screen is drawn, and the end of a phase looked for.
const refresh = 100 * time.Millisecond

// play lets the phases happen, one after the other, and returns them with
// their times.
func play(ctx context.Context, phases []phase, router *balancer.Router, j *journal, s *screen) ([]phase, error) {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for i := range phases {
		p := &phases[i]
		p.begin = j.now()
		if p.act != nil {
			if err := p.act(); err != nil {
				return nil, err
			}
		}
		for j.now()-p.begin < p.lasts && !(p.untilSplitIs && asConfigured(router)) {
			s.show(scene{phases: phases[:i+1], total: len(phases), now: j.now(), record: j.record(), status: router.Status()})
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil, errors.New("interrupted")
			}
		}
		p.end = j.now()
	}
	return phases, nil
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
