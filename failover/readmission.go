package failover

import (
	"fmt"
	"time"
)

// Stage is a step on the way back of a lost cloud.
type Stage uint8

// The stages in order. A cloud is down while Waiting and in HoldDown, and
// recovering in the gates.
const (
	Open     Stage = iota // in service: there is nothing to come back from
	Waiting               // lost, and without a good answer since
	HoldDown              // good answers only: will it stay so?
	Gate1                 // 1 % of the normal share; protected tiers nothing
	Gate10                // 10 %; protected tiers 1 %
	Gate50                // 50 %; protected tiers 10 %
	Gate100               // 100 %; protected tiers 50 %
)

// gate is what a stage lets through, and what it takes to pass it: a time and
// a number of good answers.
type gate struct {
	share, protected float64
	least            time.Duration
	good             uint64
}

func (g *gate) String() string { return fmt.Sprintf("%g %%", 100*g.share) }

var gates = [...]gate{
	Open:     {share: 1, protected: 1},
	Waiting:  {},
	HoldDown: {},
	Gate1:    {share: 0.01, protected: 0, least: time.Second, good: 20},
	Gate10:   {share: 0.1, protected: 0.01, least: 2 * time.Second, good: 1},
	Gate50:   {share: 0.5, protected: 0.1, least: 2 * time.Second, good: 1},
	Gate100:  {share: 1, protected: 0.5, least: 2 * time.Second, good: 1},
}

// A gate fails with this many bad answers or more if they are also more than
// this part of all answers.
const (
	failedAnswers = 2
	failedPart    = 0.1
)

// lonely is how long a gate waits for calls of unprotected tiers to go first.
const lonely = 2 * time.Second

// Signs are what was seen of a cloud, for one service.
type Signs struct {
	// Answered says that the cloud gave a good answer since it fell, and no
	// bad one after it. It counts while Waiting and in HoldDown.
	Answered bool
	// Alone says that no other cloud serves. Then flaps don't make the hold-down
	// longer: nobody is spared by waiting.
	Alone bool
	// Good and Bad count the answers to calls and probes, ever. They count in
	// the gates, by how much they grow.
	Good, Bad uint64
	// Unprotected counts the answers, good or bad, to calls of tiers that
	// aren't protected, ever.
	Unprotected uint64
}

// Readmission is the way back of one service in one cloud. The zero value is a
// cloud in service.
//
// A lost cloud waits for a good answer, must then stay good for the hold-down,
// and then gets part of its normal share, more from gate to gate: 1 % until
// there were 20 good answers and for at least 1 s, then 10 %, 50 % and 100 %
// for at least 2 s and a good answer each. Protected tiers are one gate behind
// the others. Where no others come for 2 s, protected tiers get what others
// would, since a service may have no others.
//
// A bad answer in the hold-down starts it anew, later. A gate fails when at
// least 2 of its answers, and more than 10 % of them, are bad, or when the
// detectors take the cloud down again: then all begins again with a longer
// hold-down. It doubles with each fall in quick succession up to
// [Settings.HoldDownMax]: each fall adds 1,000 to a penalty that halves with
// each 60 s of service (the scheme of RFC 2439, with a shorter memory) and is
// forgotten after 5 min of service. The hold-down is HoldDown × 2^(n−1), where
// n is the penalty in thousands, rounded up.
//
// One goroutine at a time may use a Readmission.
type Readmission struct {
	// Settings may be changed at any time. HoldDown and HoldDownMax count; the
	// zero value means the defaults.
	Settings Settings

	stage  Stage
	since  time.Duration // when the stage began
	entry  Signs         // as they were then
	seen   Signs         // as of the last Step
	others time.Duration // when Unprotected last grew, or the stage began
	alone  bool          // protected tiers need not wait for others in this gate

	penalty  float64       // as of the last fall
	admitted time.Duration // when calls came again after it
	failure  string        // says that the last fall was that of a gate
}

// Stage returns where the way back stands.
func (r *Readmission) Stage() Stage { return r.stage }

// Fell begins the way back: the detectors took the cloud down. A fall of a
// cloud that got no calls adds nothing to its penalty.
func (r *Readmission) Fell(now time.Duration) { r.fall(now, "") }

func (r *Readmission) fall(now time.Duration, failure string) {
	if r.stage != Waiting && r.stage != HoldDown {
		r.penalty = fallen(r.penalty, now-r.admitted)
		r.failure = failure
	}
	r.enter(Waiting, now)
}

// Returned begins the way back at the first gate, for a cloud that was well and
// got no calls because an operator had taken it out: there is nothing to hold
// against it, and nothing is known of how it takes calls. It does nothing to a
// cloud that isn't in service.
func (r *Readmission) Returned(now time.Duration, s Signs) {
	if r.stage == Open {
		r.seen = s
		r.enter(Gate1, now)
	}
}

// Step goes on by at most one stage, as far as time and signs allow, and
// returns the stage. It is meant to be called at each sweep; how often decides
// only how late a stage ends.
func (r *Readmission) Step(now time.Duration, s Signs) Stage {
	if s.Unprotected != r.seen.Unprotected {
		r.others = now
	}
	r.alone = r.alone || now-r.others >= lonely
	r.seen = s
	switch r.stage {
	case Open:
	case Waiting:
		if s.Answered {
			r.enter(HoldDown, now)
		}
	case HoldDown:
		if !s.Answered {
			r.enter(Waiting, now)
		} else if now-r.since >= r.holdDown() {
			r.admitted = now
			r.enter(Gate1, now)
		}
	default:
		good, bad := r.answers()
		switch gate := &gates[r.stage]; {
		case bad >= failedAnswers && float64(bad) > failedPart*float64(good+bad):
			r.fall(now, fmt.Sprintf("gate %s failed: %d of %d answers were bad", gate, bad, good+bad))
		case now-r.since < gate.least || good < gate.good:
		case r.stage == Gate100:
			r.enter(Open, now)
		default:
			r.enter(r.stage+1, now)
		}
	}
	return r.stage
}

// holdDown returns how long the hold-down lasts as things are.
func (r *Readmission) holdDown() time.Duration {
	if r.seen.Alone {
		return holdDown(0, r.Settings)
	}
	return holdDown(r.penalty, r.Settings)
}

func (r *Readmission) enter(stage Stage, now time.Duration) {
	r.stage, r.since, r.entry = stage, now, r.seen
	r.others, r.alone = now, false
}

// answers returns those of this stage.
func (r *Readmission) answers() (good, bad uint64) {
	return r.seen.Good - r.entry.Good, r.seen.Bad - r.entry.Bad
}

// Gate returns the fraction of its normal share that the cloud may get now, as
// [Cloud.Gate] or [Cloud.ProtectedGate]: from 0 to 1, which it is when Open.
func (r *Readmission) Gate(protected bool) float64 {
	if protected && !r.alone {
		return gates[r.stage].protected
	}
	return gates[r.stage].share
}

// Reason says for a person where the way back stands and what it waits for,
// such as "hold-down, 0.4s left" or "gate 1 %: 12 of 20 good answers".
func (r *Readmission) Reason(now time.Duration) string {
	left := func(of time.Duration) time.Duration {
		return max(0, of-(now-r.since)).Round(100 * time.Millisecond)
	}
	switch r.stage {
	case Open:
		return "in service"
	case Waiting:
		if r.failure != "" {
			return r.failure + "; waiting for a good answer"
		}
		return "waiting for a good answer"
	case HoldDown:
		return fmt.Sprintf("hold-down, %v left", left(r.holdDown()))
	}
	good, bad := r.answers()
	gate := &gates[r.stage]
	reason := fmt.Sprintf("gate %s: ", gate)
	if good < gate.good {
		reason += fmt.Sprintf("%d of %d good answers", good, gate.good)
	} else {
		reason += fmt.Sprintf("%v left", left(gate.least))
	}
	if bad > 0 {
		reason += fmt.Sprintf(", %d bad", bad)
	}
	return reason
}

func (s Stage) String() string {
	switch s {
	case Open:
		return "open"
	case Waiting:
		return "waiting"
	case HoldDown:
		return "hold-down"
	case Gate1, Gate10, Gate50, Gate100:
		return "gate " + gates[s].String()
	}
	return "invalid"
}
