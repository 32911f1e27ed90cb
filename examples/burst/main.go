// Command burst shows what happens when demand outgrows what the clouds can
// carry: the calls that matter are served, the least critical wait until new nodes
// are ready, and nobody turns a knob.
//
//	go run ./examples/burst
//	go run ./examples/burst -demand taxi_demand.csv -from 2014-10-26 -to 2014-11-08
//
// It replays demand in virtual time against two clouds: onprem, which carries the
// median and can't grow, and gcp, which carries half of it and grows to four times
// it, 20 s after its autoscaler was asked. Routers are those of production, and so
// are all of their decisions; servers, network and autoscaler are simulated. The
// median is 200 calls per second, 20 % of them critical, 50 % standard, 30 %
// batch. Half an hour of data lasts 30 s.
//
// Without -demand it is a made-up day with a spike in the evening. A file has a line
// for each half hour:
//
//	timestamp,value
//	2014-07-01 00:00:00,10844
//
// The flags -from and -to choose days of it; the median is that of the whole file.
// A day takes a few seconds.
//
// On a terminal it shows live what is offered and shed and where the calls go;
// elsewhere it prints lines. In the end it writes the course as an SVG picture
// (-svg) and, with -json, the totals per tier and day.
//
// The exit status is 1 if a promise was not kept.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairlead-go/fairlead/internal/sim"
)

func main() {
	var o options
	flag.StringVar(&o.demand, "demand", "", "replay this `file` instead of a made-up day")
	flag.StringVar(&o.from, "from", "", "begin with this `day` of the data")
	flag.StringVar(&o.to, "to", "", "end with this `day` of the data")
	flag.StringVar(&o.json, "json", "", "write totals per tier and day to this `file`, as JSON")
	flag.StringVar(&o.svg, "svg", filepath.Join(os.TempDir(), "burst.svg"), "write the picture to this `file`")
	flag.Uint64Var(&o.seed, "seed", 1, "what is left to chance")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, newScreen(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "burst:", err)
		os.Exit(1)
	}
}

type options struct {
	demand, from, to string
	json, svg        string
	seed             uint64
}

var errBroken = errors.New("a promise was not kept")

// run replays demand and tells what came of it.
func run(o options, screen *screen) error {
	d, err := load(o)
	if err != nil {
		return err
	}
	s := scenario(d, o.seed)
	screen.begin(d, &s)
	s.Watch = screen.show
	result, err := sim.Run(s)
	if err != nil {
		return err
	}
	report := newReport(d, &s, result)
	report.print(screen.out)
	if err := write(o.svg, picture(d, &s, result).WriteTo); err != nil {
		return err
	}
	fmt.Fprintf(screen.out, "\nthe picture is in %s\n", o.svg)
	if o.json != "" {
		if err := write(o.json, report.WriteTo); err != nil {
			return err
		}
	}
	if !report.kept() {
		return errBroken
	}
	return nil
}

// load reads the demand, or makes it up, and chooses days.
func load(o options) (*demand, error) {
	d := builtIn()
	if o.demand != "" {
		f, err := os.Open(o.demand)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if d, err = parse(o.demand, f); err != nil {
			return nil, err
		}
		d.source = filepath.Base(o.demand)
	}
	if err := d.between(o.from, o.to); err != nil {
		return nil, err
	}
	return d, nil
}
