package netfault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

// message is what a client process tells, as a line of JSON on standard output.
type message struct {
	Ready   bool          `json:",omitempty"` // every cloud was reached, and calls are made
	Failed  string        `json:",omitempty"` // a call failed
	Stood   time.Duration `json:",omitempty"` // it stood still for so long
	Config  string        `json:",omitempty"` // the file is refused
	Refused string        `json:",omitempty"` // an applied change is: the rule and why
	Change  *changeNews   `json:",omitempty"` // something has become of a change
	End     *memberEnd    `json:",omitempty"` // the last message
}

// changeNews is what a client tells of a change, with the drill's report if there is
// one.
type changeNews struct {
	ID      string
	State   failover.ChangeState
	Reason  string
	Outcome failover.Outcome
	RTO     time.Duration
	Bad     uint64 // calls, by the report
	Ended   time.Time
	// Late is how long after the 50th failed call since the drill began it was over; 0
	// if fewer failed.
	Late time.Duration
}

// memberEnd sums up what a client saw.
type memberEnd struct {
	Calls   int64
	Lost    float64 // the share of the time that it lost
	Drained int     // plans in which onprem was left or about to be
	Least   float64 // the smallest share that onprem had in any plan
}

// follow is what a client process does: it follows the config file, makes calls and
// obeys the lines of standard input. It ends when that does.
//
//	add RECORD      adds a change to the file, for all
//	apply CLOUD     drills a cloud by itself, or tries to
//	end             makes no more calls and sums up
func follow(file string, rate int) error {
	cfg, err := balancer.Load(file)
	if err != nil {
		return err
	}
	m := &following{out: json.NewEncoder(os.Stdout), least: 1}
	router, err := balancer.New(cfg, balancer.WithFile(file), balancer.WithTrace(balancer.Trace{
		PlanChanged: m.planned, ChangeEvent: m.changed,
		ConfigChanged: func(err error) {
			if err != nil {
				m.tell(message{Config: err.Error()})
			}
		},
	}))
	if err != nil {
		return err
	}
	defer router.Close()
	calls := &load{rate: rate, caller: new(httpCaller), failed: m.failed}
	if err := calls.caller.connect(router, &watch{}); err != nil {
		return err
	}
	defer calls.caller.disconnect()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := router.Ready(ctx); err != nil {
		return err
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	go watchPulse(func(since time.Duration) { m.tell(message{Stood: since}) })
	var loading sync.WaitGroup
	loading.Go(func() { calls.run(ctx) })
	m.tell(message{Ready: true})
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		switch order, what, _ := strings.Cut(orders.Text(), " "); order {
		case "add":
			err = addChange(file, what)
		case "apply":
			m.applied(router.Apply(failover.Change{ID: "its-own", Kind: failover.KindDrill, Cloud: what, End: time.Now().Add(time.Minute)}))
		case "end":
			cancel()
			loading.Wait()
			m.end(calls)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addChange adds a record to a config file, as a whole: clients read it at any time.
func addChange(file, record string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), "\nchanges:\n") {
		text = append(text, "changes:\n"...)
	}
	beside := file + ".new"
	if err := os.WriteFile(beside, append(text, "  - "+record+"\n"...), 0o600); err != nil {
		return err
	}
	return os.Rename(beside, file)
}

// following is what a client process notes.
type following struct {
	mu      sync.Mutex
	out     *json.Encoder
	fails   []time.Time
	drained int
	least   float64
}

func (m *following) tell(what message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.Encode(what)
}

func (m *following) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = append(m.fails, time.Now())
	m.out.Encode(message{Failed: err.Error()})
}

func (m *following) applied(err error) {
	var refusal *failover.Refusal
	if errors.As(err, &refusal) {
		m.tell(message{Refused: string(refusal.Rule) + ": " + refusal.Reason})
	} else {
		m.tell(message{Refused: "not at all"})
	}
}

func (m *following) planned(c balancer.PlanChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range c.Plan.Tiers[0].Shares {
		if s.Cloud != "onprem" {
			continue
		}
		m.least = min(m.least, s.Fraction)
		if s.Reason == failover.ReasonDrained || s.Reason == failover.ReasonDraining {
			m.drained++
		}
	}
}

func (m *following) changed(s failover.ChangeStatus) {
	news := &changeNews{ID: s.ID, State: s.State, Reason: s.Reason}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := s.Report; r != nil {
		news.Outcome, news.RTO, news.Ended = r.Outcome, r.RTO, r.Ended
		for _, tier := range r.Tiers {
			news.Bad += tier.Bad
		}
		n := 0
		for _, at := range m.fails {
			if at.Before(r.Began) {
				continue
			}
			if n++; n == leastBad {
				news.Late = r.Ended.Sub(at)
			}
		}
	}
	m.out.Encode(message{Change: news})
}

func (m *following) end(l *load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.Encode(message{End: &memberEnd{Calls: l.calls.Load(), Lost: l.pulse.lostShare(), Drained: m.drained, Least: m.least}})
}
