package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	longestRamp  = 720 * time.Hour
	longestGrace = 24 * time.Hour
	mostEvents   = 1000000
)

// ChangeFault is one thing that is wrong with a [Change].
type ChangeFault struct {
	Field   string // as a file has it: abort.burn, allowed[0].from
	Problem string // "must be …, is …"
}

// Validate reports all that is wrong with the change itself, each with the name
// of its field, nil if nothing is. Whether clouds and services exist isn't looked
// at.
func (c *Change) Validate() error {
	var faults []error
	for _, f := range c.Faults() {
		faults = append(faults, fmt.Errorf("%s: %s", f.Field, f.Problem))
	}
	return errors.Join(faults...)
}

// Faults returns what [Change.Validate] reports, one by one.
func (c *Change) Faults() []ChangeFault {
	f := &faultList{}
	if c.ID == "" {
		f.add("id", "must be a name, is empty")
	}
	switch c.Kind {
	case KindDrain, KindDrill:
		if c.Cloud == "" {
			f.add("cloud", "must be a cloud: a %s takes one out of use", c.Kind)
		}
		if len(c.Weights) > 0 {
			f.add("weights", "must be left out: a %s has none", c.Kind)
		}
		if len(c.From) > 0 {
			f.add("from", "must be left out: a %s has none", c.Kind)
		}
	case KindShift:
		if c.Cloud != "" {
			f.add("cloud", "must be left out: a shift has weights")
		}
		if len(c.Weights) == 0 {
			f.add("weights", "must have at least one cloud: a shift moves its weights")
		}
	default:
		f.add("kind", "must be drain, shift or drill, is %q", string(c.Kind))
	}
	c.checkTimes(f)
	if c.Grace != 0 && (c.Grace < time.Second || c.Grace > longestGrace) {
		f.add("grace", "must be from 1s to 24h, is %s", brief(c.Grace))
	}
	if x := c.Abort.Burn; x != 0 && !positive(x) {
		f.add("abort.burn", "must be above 0, is %v", x)
	}
	if n := c.Abort.Events; n < 0 || n > mostEvents {
		f.add("abort.events", "must be from 1 to %d, is %d", mostEvents, n)
	}
	if x := c.Abort.Headroom; x != 0 && !(x > 0 && x < 1) { // also true for NaN
		f.add("abort.headroom", "must be above 0 and below 1, is %v", x)
	}
	checkWindows(f, "allowed", c.Allowed)
	checkWindows(f, "blocked", c.Blocked)
	return f.faults
}

type faultList struct{ faults []ChangeFault }

func (f *faultList) add(field, problem string, args ...any) {
	f.faults = append(f.faults, ChangeFault{field, fmt.Sprintf(problem, args...)})
}

func (c *Change) checkTimes(f *faultList) {
	length := c.End.Sub(c.Start)
	ended := !c.End.IsZero()
	if c.Ramp < 0 || c.Ramp > longestRamp {
		f.add("ramp", "must be from 0s to 720h, is %s", brief(c.Ramp))
	}
	switch {
	case !ended && c.Kind == KindDrill:
		f.add("end", "must be given: a drill ends")
	case !ended && c.Repeat != 0:
		f.add("end", "must be given: what repeats ends before")
	case ended && !c.Start.IsZero() && length <= 0:
		f.add("end", "must be later than start (%s), is %s", c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339))
	case ended && !c.Start.IsZero() && length <= c.Ramp:
		f.add("end", "must be later than start and ramp (%s), is %s", c.Start.Add(c.Ramp).Format(time.RFC3339), c.End.Format(time.RFC3339))
	}
	switch {
	case c.Repeat == 0:
	case c.Repeat < time.Minute:
		f.add("repeat", "must be at least 1m, is %s", brief(c.Repeat))
	case c.Start.IsZero():
		f.add("start", "must be given: what repeats counts from it")
	case ended && c.Repeat <= length:
		f.add("repeat", "must be more than the time from start to end (%s), is %s", brief(length), brief(c.Repeat))
	}
}

func checkWindows(f *faultList, field string, windows []Window) {
	for i, w := range windows {
		at := fmt.Sprintf("%s[%d]", field, i)
		for k, day := range w.Days {
			if !slices.Contains(weekdays, day) {
				f.add(fmt.Sprintf("%s.days[%d]", at, k), "must be one of mon, tue, wed, thu, fri, sat, sun, is %q", day)
			}
		}
		for _, t := range []struct{ name, text string }{{"from", w.From}, {"to", w.To}} {
			if t.text == "" {
				continue
			}
			if _, err := clockTime(t.text); err != nil {
				f.add(at+"."+t.name, "%v", err)
			}
		}
		if _, err := time.LoadLocation(w.Zone); err != nil {
			f.add(at+".zone", "must be a time zone such as Asia/Seoul, is %q", w.Zone)
		}
	}
}

// brief writes a duration as it would stand in a file, without the zeros that
// String appends.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
