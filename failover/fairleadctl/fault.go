package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
)

// struck is a fault of the command line.
type struck struct {
	text string
	sim.Fault
}

const faultForm = "CLOUD down|frozen|cut|slow=FACTOR|errors=FRACTION START LENGTH"

// readFault reads a fault, such as "onprem down 10:00 20m".
func readFault(text string, d *demand) (*struck, error) {
	fields := strings.Fields(text)
	if len(fields) < 3 || len(fields) > 4 {
		return nil, fmt.Errorf("it must be %q, with no LENGTH for ever", faultForm)
	}
	f := &struck{text: strings.Join(fields, " "), Fault: sim.Fault{Cloud: fields[0]}}
	kind, number, has := strings.Cut(fields[1], "=")
	v, err := strconv.ParseFloat(number, 64)
	switch {
	case kind == "down" && !has:
		f.Kind = sim.Crash
	case kind == "frozen" && !has:
		f.Kind = sim.Freeze
	case kind == "cut" && !has:
		f.Kind = sim.Cut
	case kind == "slow" && err == nil && v > 1 && v <= 1e6:
		f.Kind, f.Factor = sim.Slow, v
	case kind == "errors":
		if v, err = fraction(number); err != nil || v == 0 {
			return nil, fmt.Errorf("errors must be a fraction above 0, such as errors=0.3")
		}
		f.Kind, f.Rate = sim.Errors, v
	default:
		return nil, fmt.Errorf("%s must be down, frozen, cut, slow=FACTOR with more than 1, or errors=FRACTION", fields[1])
	}
	if f.From, err = d.since(fields[2]); err != nil {
		return nil, err
	}
	if len(fields) == 4 {
		lasts, err := time.ParseDuration(fields[3])
		if err != nil || lasts <= 0 {
			return nil, fmt.Errorf("%q must be a duration above 0, such as 20m", fields[3])
		}
		f.Until = f.From + lasts
	}
	return f, nil
}
