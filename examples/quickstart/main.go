// Command quickstart shows what happens to calls when a cloud dies: nothing.
//
//	go run ./examples/quickstart
//
// It starts two clouds, onprem and gcp, as processes of their own on loopback,
// three endpoints each, and sends them about 1,000 calls per second in three
// tiers. Then it kills all of onprem (SIGKILL), starts it again, freezes it
// (SIGSTOP: connections stay open and nobody answers) and thaws it. On a
// terminal it shows live where the calls go and how they fare; elsewhere it
// prints a line per second. It ends by itself in under a minute with a report.
//
// The flag -json FILE also writes the report as JSON. With -keep there is a page to
// watch it on, whose address is printed first, and clouds and calls go on after the
// report until they are interrupted.
//
// The exit status is 1 if a call of the critical tier failed.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	"github.com/fairlead-go/fairlead/internal/clouds"
)

//go:embed fairlead.yaml
var configText string

func main() {
	clouds.Serve(serve) // if this is a process of a cloud
	jsonFile := flag.String("json", "", "also write the report to this `file`, as JSON")
	keep := flag.Bool("keep", false, "serve a page to watch it on, and go on until interrupted")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	failed := 0
	err := run(ctx, newScreen(os.Stdout), *keep, func(r *report) error {
		failed = r.failed(critical)
		r.print(os.Stdout)
		if *jsonFile == "" {
			return nil
		}
		return r.write(*jsonFile)
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// run starts the clouds, sends them calls, and lets happen what the script
// says. It has the report told, and goes on if it is to keep things running.
func run(ctx context.Context, screen *screen, keep bool, tell func(*report) error) error {
	if !clouds.CanFreeze {
		return errors.New("this system cannot freeze a process; Linux, macOS and the BSDs can")
	}
	both, err := clouds.Start(endpointsPerCloud, "onprem", "gcp")
	if err != nil {
		return err
	}
	defer both.Stop()

	cfg, err := balancer.ParseConfig(both.Config(configText))
	if err != nil {
		return err
	}
	journal := newJournal()
	router, err := balancer.New(cfg, balancer.WithTrace(journal.trace()))
	if err != nil {
		return err
	}
	defer router.Close()
	if err := ready(ctx, router); err != nil {
		return err
	}

	if keep {
		page, err := startPage(router)
		if err != nil {
			return err
		}
		defer page.stop()
		fmt.Fprintf(screen.out, "Watch it at %s\n", page.address)
	}

	transport := cloudhttp.NewTransport(router)
	defer transport.CloseIdleConnections()
	calls := startLoad(transport, journal)
	defer calls.Stop()
	phases, err := play(ctx, script(both["onprem"]), router, journal, screen)
	if err != nil {
		return err
	}
	calls.Stop()
	phases[len(phases)-1].end = journal.now() // with the calls that were under way
	if err := tell(newReport(phases, journal.record())); err != nil || !keep {
		return err
	}
	journal.close()
	goOn(ctx, transport, journal, screen)
	return nil
}

// ready waits until the router has heard from both clouds.
func ready(ctx context.Context, router *balancer.Router) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return router.Ready(ctx)
}
