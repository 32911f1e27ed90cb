package balancer

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/configfile"
)

func (v *validator) checkHealth(at *configfile.Path) {
	s, probe, ejection := v.Health, at.Key("probe"), at.Key("ejection")
	v.checkProbePath(probe.Key("path"), s.Probe.Path)
	ranged(v, probe.Key("interval"), s.Probe.Interval, 10*time.Millisecond, time.Hour)
	ranged(v, probe.Key("timeout"), s.Probe.Timeout, time.Millisecond, time.Hour)
	ranged(v, probe.Key("rise"), s.Probe.Rise, 1, 100)
	ranged(v, probe.Key("fall"), s.Probe.Fall, 1, 100)
	ranged(v, ejection.Key("consecutive"), s.Ejection.Consecutive, 1, 1000)
	ranged(v, ejection.Key("base"), s.Ejection.Base, 100*time.Millisecond, 24*time.Hour)
	ranged(v, ejection.Key("max"), s.Ejection.Max, 100*time.Millisecond, 24*time.Hour)
	v.fraction(ejection.Key("fraction"), s.Ejection.Fraction)
	if s.SlowStart >= 0 { // negative: turned off
		ranged(v, at.Key("slowStart"), s.SlowStart, time.Millisecond, time.Hour)
	}
}

func (v *validator) checkProbePath(at *configfile.Path, path string) {
	if !v.written(at, path != "") {
		return
	}
	unfit := func(r rune) bool { return r <= ' ' || r == '#' || r > unicode.MaxASCII || unicode.IsControl(r) }
	if !strings.HasPrefix(path, "/") || len(path) > 1024 || strings.ContainsFunc(path, unfit) {
		v.fault(at, "must be an escaped path of at most 1024 bytes such as /healthz, is %s", configfile.Quote(path))
	}
}

func (v *validator) checkFailover(at *configfile.Path) {
	s := v.Failover
	switch panicAt := at.Key("panic"); {
	case !v.written(panicAt, s.Panic != ""):
	case s.Panic != failover.PanicSpread && s.Panic != failover.PanicFail:
		v.fault(panicAt, "must be spread or fail, is %s", configfile.Quote(string(s.Panic)))
	}
	if v.clouds != nil {
		ranged(v, at.Key("minClouds"), s.MinClouds, 1, max(1, len(v.clouds)))
	}
	ranged(v, at.Key("holdDown"), s.HoldDown, time.Millisecond, 24*time.Hour)
	ranged(v, at.Key("holdDownMax"), s.HoldDownMax, time.Millisecond, 24*time.Hour)
	if least := s.WithDefaults().HoldDown; s.HoldDownMax != 0 && s.HoldDownMax < least {
		v.fault(at.Key("holdDownMax"), "must be at least holdDown (%s), is %s", show(least), show(s.HoldDownMax))
	}
	v.fraction(at.Key("slope"), s.Slope)
	ranged(v, at.Key("changeInterval"), s.ChangeInterval, leastChangeInterval, mostChangeInterval)
}

func (v *validator) checkRetry(at *configfile.Path) {
	v.fraction(at.Key("fraction"), v.Retry.Fraction)
	ranged(v, at.Key("bank"), v.Retry.Bank, 100*time.Millisecond, time.Hour)
	if x := v.Retry.Floor; v.written(at.Key("floor"), x != 0) && !(x > 0 && x <= math.MaxInt32) {
		v.fault(at.Key("floor"), "must be above 0 and at most %d, is %v", math.MaxInt32, x)
	}
}

// ranged checks a number or duration, zero being the default unless the file
// has the key.
func ranged[T cmp.Ordered](v *validator, at *configfile.Path, value, least, most T) {
	var zero T
	if v.written(at, value != zero) && !(least <= value && value <= most) {
		v.fault(at, "must be from %s to %s, is %s", show(least), show(most), show(value))
	}
}

// fraction is ranged for what lies in (0, 1].
func (v *validator) fraction(at *configfile.Path, value float64) {
	if v.written(at, value != 0) && !(value > 0 && value <= 1) { // also true for NaN
		v.fault(at, "must be above 0 and at most 1, is %v", value)
	}
}

// properFraction is ranged for what lies in (0, 1).
func (v *validator) properFraction(at *configfile.Path, value float64) {
	if v.written(at, value != 0) && !(value > 0 && value < 1) { // also true for NaN
		v.fault(at, "must be above 0 and below 1, is %v", value)
	}
}

// show writes a value as it would stand in the file.
func show(value any) string {
	if d, ok := value.(time.Duration); ok {
		return encodeDuration(d)
	}
	return fmt.Sprint(value)
}
