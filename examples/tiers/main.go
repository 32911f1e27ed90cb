// Command tiers shows what products and customers were promised, and what of it
// was kept while more calls come than there is capacity for, and while a cloud is slow.
//
//	go run ./examples/tiers
//
// It has two clouds in memory, onprem and gcp, that carry 1,000 calls per second
// together, and five contracts in three tiers. First batch calls come in nearly ten
// times their number, and others in twice; later gcp becomes slow. On a terminal it
// shows live how each contract stands; elsewhere it prints a line per second. It
// ends by itself in under half a minute with the compliance report: the part of
// the contracts that have error budget left. Their windows begin with the run, so
// that a few seconds of it are what hours are in a month.
//
// The flag -json FILE also writes the report as JSON.
//
// The exit status is 1 if a promise was not kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

func main() {
	jsonFile := flag.String("json", "", "also write the report to this `file`, as JSON")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	report, err := run(ctx, newScreen(os.Stdout))
	stop()
	if err == nil {
		report.print(os.Stdout)
		if *jsonFile != "" {
			err = report.write(*jsonFile)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tiers:", err)
		os.Exit(1)
	}
	if !report.kept() {
		os.Exit(1)
	}
}

// run makes calls while the script happens, and reports.
func run(ctx context.Context, screen *screen) (*report, error) {
	dir, err := os.MkdirTemp("", "fairlead-tiers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	store := sla.File(filepath.Join(dir, "counts")) // in life, a place that survives a restart

	clouds := newClouds()
	router, err := balancer.New(clouds.config(), balancer.WithSLAStore(store))
	if err != nil {
		return nil, err
	}
	defer router.Close()
	router.SetProber(balancer.HTTP, clouds.Probe)
	callers := startCallers(router, clouds)
	defer callers.stop()

	err = play(ctx, script(clouds, callers), func(p phase, since time.Duration) {
		screen.show(scene{phase: p, since: since, status: router.Status()})
	})
	screen.clear()
	if err != nil {
		return nil, err
	}
	callers.stop()
	r := newReport(router.Status(), callers.made(), clouds.attempts.Load())
	r.StoodStill = callers.streams[0].Stood() // as all others
	router.Close()
	saved, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	r.saved = saved.Report()
	return r, nil
}

// phase is a part of the script.
type phase struct {
	name, says string
	act        func() // makes it happen; nil if nothing does
	lasts      time.Duration
}

// script returns what happens.
func script(clouds *clouds, callers *callers) []phase {
	return []phase{
		{name: "steady", lasts: 4 * time.Second, says: "500 calls a second, 1,000 are possible"},
		{name: "burst", lasts: 5 * time.Second, says: "1,600 calls a second, most of them batch",
			act: func() { callers.burst.Store(true) }},
		{name: "quiet", lasts: 3 * time.Second, says: "500 calls a second again",
			act: func() { callers.burst.Store(false) }},
		{name: "slow", lasts: 4 * time.Second, says: "gcp takes 50 times as long",
			act: func() { clouds.Cloud("gcp").SetLatency(50 * latency) }},
		{name: "well again", lasts: 12 * time.Second, says: "gcp is as fast as before",
			act: func() { clouds.Cloud("gcp").SetLatency(latency) }},
	}
}

// refresh is how often the screen is drawn.
const refresh = 250 * time.Millisecond

// play lets the phases happen, one after the other, and shows them.
func play(ctx context.Context, phases []phase, show func(phase, time.Duration)) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	began := time.Now()
	for _, p := range phases {
		if p.act != nil {
			p.act()
		}
		for entered := time.Now(); time.Since(entered) < p.lasts; {
			show(p, time.Since(began))
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return errors.New("interrupted")
			}
		}
	}
	return nil
}
