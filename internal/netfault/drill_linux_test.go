package netfault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/failover"
)

const (
	members   = 3
	drillRate = 450 // calls per second, of all
	// notice is how long before its start a record is written: clients read the file
	// each second, and believe what they have read twice.
	notice     = 3500 * time.Millisecond
	drillLasts = 6 * time.Second
	leastBad   = 50 // failed calls for a burn to count, by default
	patience   = 15 * time.Second
)

// drilling is a drill of onprem that client processes follow, all by one file.
type drilling struct {
	onprem, gcp *cloud
	members     []*member
	start, end  time.Time
	news        []*changeNews // what each of those that lived told at the end
	faults      []error       // what was promised and isn't so
	behind      time.Duration // how much later than it meant to this test did something
}

// newDrilling starts clouds and clients. The text is what the config has beside them:
// %[1]s and %[2]s stand for the clouds' endpoints.
func newDrilling(t *testing.T, rate int, text string, gcp ...string) *drilling {
	d := &drilling{onprem: newCloud(t, 1), gcp: newCloud(t, 2, gcp...)}
	file := filepath.Join(t.TempDir(), "fairlead.yaml")
	text = fmt.Sprintf(text, strings.Join(d.onprem.urls(), ", "), strings.Join(d.gcp.urls(), ", "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range members {
		d.members = append(d.members, newMember(t, file, rate/members))
	}
	for _, m := range d.members {
		d.must(t, second(m.hears("it is ready", patience, func(one *message) bool { return one.Ready })))
	}
	<-time.After(before)
	return d
}

// must ends the try: there can be no result.
func (d *drilling) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// want notes a promise that isn't kept.
func (d *drilling) want(kept bool, format string, args ...any) {
	if !kept {
		d.faults = append(d.faults, fmt.Errorf(format, args...))
	}
}

// sleep waits until a time, and notes how late it was.
func (d *drilling) sleep(until time.Time) {
	<-time.After(time.Until(until))
	d.behind = max(d.behind, time.Since(until))
}

// begin has a client write the record of the drill.
func (d *drilling) begin(t *testing.T, by *member, lasts time.Duration) {
	d.start = time.Now().Add(notice).Truncate(time.Millisecond)
	d.end = d.start.Add(lasts)
	d.must(t, by.order("add", d.record("drill", "drill")))
}

// wantCalls waits until calls reach onprem.
func (d *drilling) wantCalls() {
	before := d.onprem.calls.Load()
	for range patience / beat {
		if d.onprem.calls.Load() > before {
			return
		}
		<-time.After(beat)
	}
	d.want(false, "no call reaches onprem within %v", patience)
}

func (d *drilling) record(id, kind string) string {
	return fmt.Sprintf("{id: %s, kind: %s, cloud: onprem, start: %s, end: %s}", id, kind, d.start.Format(time.RFC3339Nano), d.end.Format(time.RFC3339Nano))
}

// await waits until each of some clients tells that the drill is in one of the states.
// It reports whether all did.
func (d *drilling) await(some []*member, states ...failover.ChangeState) bool {
	d.news = nil
	for _, m := range some {
		news, err := m.changed("drill", fmt.Sprintf("the drill is %v", states), notice+drillLasts+patience, func(c *changeNews) bool {
			for _, s := range states {
				if c.State == s {
					return true
				}
			}
			return false
		})
		if err != nil {
			d.faults = append(d.faults, err)
			return false
		}
		d.news = append(d.news, news)
	}
	return true
}

// sumUp ends clients and takes in what they have to say.
func (d *drilling) sumUp(t *testing.T, some []*member) {
	for _, m := range some {
		d.must(t, m.order("end"))
	}
	for _, m := range some {
		d.must(t, second(m.hears("it has ended", patience, func(one *message) bool { return one.End != nil })))
	}
}

func (d *drilling) calls() (n int64) {
	for _, m := range d.members {
		n += m.end.Calls
	}
	return n
}

func (d *drilling) failures() (all []string) {
	for _, m := range d.members {
		all = append(all, m.failures...)
	}
	return all
}

func (d *drilling) wantNoneFailed() {
	if all := d.failures(); len(all) > 0 {
		d.want(false, "%d protected calls failed, such as: %s", len(all), all[0])
	}
}

func (d *drilling) stood() time.Duration {
	longest := max(d.behind, time.Duration(d.gcp.stood.Load()))
	for _, m := range d.members {
		longest = max(longest, m.stood)
	}
	return longest
}

func (d *drilling) lost() (most float64) {
	for _, m := range d.members {
		most = max(most, m.end.Lost)
	}
	return most
}

func (d *drilling) broken() []error { return d.faults }

// A drill takes three clients of few calls each: fewer late ones are a false alarm.
func (d *drilling) starved() bool { return d.stood() > mostStall || d.lost() > mostLost/2 }

func (d *drilling) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls of those that lived, %d failed of all; %d attempts at onprem, %d at gcp; stood still for %v, lost %.1f %% of the time",
		d.calls(), len(d.failures()), d.onprem.calls.Load(), d.gcp.calls.Load(), d.stood().Round(time.Millisecond), 100*d.lost())
	for _, n := range d.news {
		fmt.Fprintf(&b, "\n%s %s: %s %s, RTO %v, %d bad", n.ID, n.State, n.Outcome, n.Reason, n.RTO.Round(time.Millisecond), n.Bad)
		if n.Late != 0 {
			fmt.Fprintf(&b, ", over %v after the %dth failed", n.Late.Round(time.Millisecond), leastBad)
		}
	}
	return b.String()
}

const drillConfig = `
clouds:
  onprem: {weight: 70}
  gcp:    {weight: 30}
services:
  routing-api:
    clouds:
      onprem: {http: [%[1]s]}
      gcp:    {http: [%[2]s]}
tiers:
  - {name: critical, protected: true, attempts: 3, timeout: 800ms}
`

// The process that began a drill is killed half-way. The others end it by the clock,
// and no call has failed. What contradicts the drill is refused meanwhile, in the file
// as in one process.
func TestDrill(t *testing.T) {
	need(t)
	prove(t, drillRate, func(t *testing.T, rate int) proof {
		d := newDrilling(t, rate, drillConfig)
		first, others := d.members[0], d.members[1:]
		d.begin(t, first, drillLasts)
		if !d.await(d.members, failover.ChangeRunning) {
			return d
		}
		d.must(t, others[0].order("apply", "onprem"))
		refused, err := others[0].hears("a change was refused", patience, func(one *message) bool { return one.Refused != "" })
		if err != nil {
			d.faults = append(d.faults, err)
			return d
		}
		d.want(refused.Refused == "contradiction: drill moves the calls of onprem at the same time", "a second change was refused: %s", refused.Refused)

		d.must(t, others[1].order("add", d.record("second", "drain")))
		for _, m := range d.members {
			told, err := m.hears("the file is refused", patience, func(one *message) bool { return one.Config != "" })
			if err != nil {
				d.faults = append(d.faults, err)
				return d
			}
			d.want(strings.Contains(told.Config, "changes[1]: must not contradict changes[0]"), "the file with a second change was refused: %s", told.Config)
		}
		// More than a second has passed since the drill began: the file was read
		// twice. Nobody calls onprem from here on.
		quiet := d.onprem.calls.Load()
		d.sleep(d.start.Add(drillLasts / 2))
		first.kill()
		d.sleep(d.end.Add(-drillLasts / 4))
		moved := d.onprem.calls.Load() - quiet
		if !d.await(others, failover.ChangeEnded, failover.ChangeAborted, failover.ChangeCancelled) {
			return d
		}
		d.want(moved == 0, "%d calls reached the drained cloud", moved)
		for _, n := range d.news {
			d.want(n.State == failover.ChangeEnded && n.Outcome == failover.Succeeded, "the drill is %s: %s, %s", n.State, n.Outcome, n.Reason)
			d.want(n.RTO <= time.Second, "RTO %v", n.RTO)
			d.want(n.Bad == 0, "%d calls were bad by the report", n.Bad)
			d.want(!n.Ended.Before(d.end) && n.Ended.Before(d.end.Add(time.Second)), "over at %v, not at %v", n.Ended, d.end)
		}
		d.wantCalls()
		d.sumUp(t, others)
		for _, m := range others {
			d.want(m.end.Drained > 0, "no plan of a client left onprem")
		}
		d.wantNoneFailed()
		return d
	})
}

// Where the cloud that stays can't carry the protected calls, no client moves one.
func TestDrillWithoutCapacity(t *testing.T) {
	need(t)
	prove(t, drillRate, func(t *testing.T, rate int) proof {
		carries := fmt.Sprint(0.6 * float64(rate)) // more than its 30 %, less than all
		text := strings.ReplaceAll(drillConfig, "gcp:    {http: [%[2]s]}", "gcp:    {http: [%[2]s], capacity: "+carries+"}")
		d := newDrilling(t, rate, fmt.Sprintf("instances: %d\n", members)+text)
		d.begin(t, d.members[0], time.Minute)
		if !d.await(d.members, failover.ChangeRunning, failover.ChangeRefused) {
			return d
		}
		d.wantCalls()
		d.sumUp(t, d.members)
		for _, n := range d.news {
			d.want(n.State == failover.ChangeRefused && n.Outcome == failover.CapacityCheckFailed, "the drill is %s: %s, %s", n.State, n.Outcome, n.Reason)
		}
		for _, m := range d.members {
			d.want(m.end.Drained == 0, "%d plans of a client left onprem", m.end.Drained)
			d.want(m.end.Least > 0.699, "onprem's share was %v", m.end.Least)
		}
		d.wantNoneFailed()
		return d
	})
}

// A drill that costs protected calls is given up within 2 s of the moment when it has
// burnt too much: one call in 25 fails in the cloud that stays. With one in ten, chance
// would have it found failing as a whole every minute, and the drill interrupted.
func TestDrillBurns(t *testing.T) {
	need(t)
	const within = 2 * time.Second
	prove(t, drillRate, func(t *testing.T, rate int) proof {
		text := strings.ReplaceAll(drillConfig, "attempts: 3", "attempts: 1")
		d := newDrilling(t, rate, text, flawEnv+"=25")
		d.begin(t, d.members[0], time.Minute)
		if !d.await(d.members, failover.ChangeRunning) ||
			!d.await(d.members, failover.ChangeEnded, failover.ChangeAborted, failover.ChangeCancelled) {
			return d
		}
		d.wantCalls()
		d.sumUp(t, d.members)
		for _, n := range d.news {
			d.want(n.State == failover.ChangeAborted && n.Outcome == failover.Failed && strings.Contains(n.Reason, "burns its error budget"),
				"the drill is %s: %s, %s", n.State, n.Outcome, n.Reason)
			d.want(n.Bad >= leastBad, "given up after %d bad calls", n.Bad)
			d.want(n.Late <= within, "given up %v after %d calls had failed", n.Late, leastBad)
		}
		return d
	})
}
