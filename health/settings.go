package health

import "time"

// Settings say how one target is watched. The zero value stands for the
// defaults named at each field.
type Settings struct {
	Probe    Probe
	Ejection Ejection
	// SlowStart is how long an endpoint that is new, or was ejected, takes to
	// reach its full weight. Default 10s; a negative value turns it off.
	SlowStart time.Duration
}

// Probe says how endpoints that get no calls are asked how they are.
type Probe struct {
	// Path is what an HTTP probe asks for. Default "/healthz".
	Path string
	// Interval is the time between two probes of one endpoint, ± 20 %.
	// Default 1s.
	Interval time.Duration
	// Timeout is the time a probe may take. Default 1s.
	Timeout time.Duration
	// Rise is how many good probes in a row bring an ejected endpoint back.
	// Default 1.
	Rise int
	// Fall is how many bad probes in a row eject an endpoint that gets no
	// calls. Default 3.
	Fall int
}

// Ejection says when a single endpoint of a healthy cloud is left out.
type Ejection struct {
	// Consecutive is how many bad attempts in a row eject. Default 5.
	Consecutive int
	// Base is how long the first ejection lasts; each further one lasts Base
	// longer. Default 5s. gRFC A50 has 30s because there only time can tell
	// that an endpoint is well again; here a probe has to agree as well. Where
	// attempts time out, Probe.Rise good probes end the first one sooner, twice as
	// many the second, and so on.
	Base time.Duration
	// Max is the longest an ejection lasts, unless Base is longer.
	// Default 300s.
	Max time.Duration
	// Fraction is the part of a cloud's endpoints that may be ejected at a
	// time, in (0, 1]. One may always be, as long as there is another.
	// Default 0.5.
	Fraction float64
}

// WithDefaults returns s with every field that is zero set to its default.
func (s Settings) WithDefaults() Settings {
	orDefault(&s.Probe.Path, "/healthz")
	orDefault(&s.Probe.Interval, time.Second)
	orDefault(&s.Probe.Timeout, time.Second)
	orDefault(&s.Probe.Rise, 1)
	orDefault(&s.Probe.Fall, 3)
	orDefault(&s.Ejection.Consecutive, 5)
	orDefault(&s.Ejection.Base, 5*time.Second)
	orDefault(&s.Ejection.Max, 300*time.Second)
	orDefault(&s.Ejection.Fraction, 0.5)
	orDefault(&s.SlowStart, 10*time.Second)
	return s
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
