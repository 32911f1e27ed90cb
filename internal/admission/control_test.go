package admission

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/sla"
)

// start is when tests begin.
var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// threeTiers are critical, standard and batch. Without a rule calls are standard.
func threeTiers(rules ...sla.Rule) *sla.Classifier {
	c, err := sla.NewClassifier([]sla.Tier{{Name: "critical"}, {Name: "standard"}, {Name: "batch"}}, rules, "standard", sla.LevelKey{})
	if err != nil {
		panic(err)
	}
	return c
}

func TestLimit(t *testing.T) {
	for _, test := range []struct {
		most int
		want []int // by tier
	}{
		{100, []int{100}},
		{100, []int{100, 50}},
		{100, []int{100, 75, 50}},
		{100, []int{100, 84, 67, 50}},
		{1, []int{1, 1, 1}},
		{2, []int{2, 2, 1}},
		{3, []int{3, 3, 2}},
		{math.MaxInt, []int{math.MaxInt, math.MaxInt/2 + 1}},
	} {
		for tier, want := range test.want {
			if got := Limit(test.most, tier, len(test.want)); got != want {
				t.Errorf("tier %d of %d: %d of %d, want %d", tier, len(test.want), got, test.most, want)
			}
		}
	}
}

func TestLimitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, math.MaxInt)).Draw(t, "most")
		n := rapid.IntRange(1, 32).Draw(t, "tiers")
		before := most
		for tier := range n {
			limit := Limit(most, tier, n)
			switch {
			case tier == 0 && limit != most:
				t.Fatalf("the most critical tier is refused at %d of %d", limit, most)
			case limit > before:
				t.Fatalf("tier %d has a limit of %d, the one above %d", tier, limit, before)
			case limit < most/2 || limit < 1:
				t.Fatalf("tier %d of %d has only %d of %d", tier, n, limit, most)
			}
			before = limit
		}
	})
}

// TestLeastCriticalFirst lets calls come and go in any order: a call that is
// refused means that every less critical one would be, and one that is admitted
// that every more critical one would be.
func TestLeastCriticalFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New(Config{Classifier: threeTiers(), Cap: rapid.IntRange(1, 20).Draw(t, "cap")})
		inFlight := 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(-2, 2), 1, 100).Draw(t, "steps") {
			if step < 0 {
				if inFlight > 0 {
					c.Leave()
					inFlight--
				}
				continue
			}
			var verdicts []Verdict
			for tier := range 3 {
				v := c.Enter(context.Background(), tier, start)
				if v == Admitted && tier != step {
					c.Leave()
				}
				verdicts = append(verdicts, v)
				if v == Admitted && tier == step {
					inFlight++
				}
			}
			// Counting in the call of the step makes it harder for those after it,
			// which are less critical.
			if !slices.IsSorted(verdicts) {
				t.Fatalf("with %d in flight, by tier: %v", inFlight, verdicts)
			}
			if c.InFlight() != inFlight {
				t.Fatalf("%d in flight, want %d", c.InFlight(), inFlight)
			}
		}
	})
}

func TestEnter(t *testing.T) {
	late, cancel := context.WithDeadline(context.Background(), start)
	defer cancel()
	soon, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Hour))
	defer cancel()
	left, cancel := context.WithCancel(context.Background())
	cancel()
	atDeadline, _ := soon.Deadline()
	for _, test := range []struct {
		name     string
		cap      int
		inFlight int
		tier     int
		ctx      context.Context
		now      time.Time
		want     Verdict
	}{
		{"no cap", 0, 1000, 2, context.Background(), start, Admitted},
		{"below the cap", 6, 5, 0, context.Background(), start, Admitted},
		{"at the cap", 6, 6, 0, context.Background(), start, Shed},
		{"below the tier's limit", 6, 2, 2, context.Background(), start, Admitted},
		{"at the tier's limit", 6, 3, 2, context.Background(), start, Shed},
		{"a tier that there isn't counts as the last", 6, 3, 9, context.Background(), start, Shed},
		{"time left", 6, 0, 0, soon, atDeadline.Add(-1), Admitted},
		{"no time left", 6, 0, 0, late, start, Expired},
		{"the context's timer is late", 6, 0, 0, soon, atDeadline, Expired},
		{"the caller has left", 6, 0, 0, left, start, Expired},
		{"too late comes before too much", 6, 6, 0, late, start, Expired},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := New(Config{Classifier: threeTiers(), Cap: test.cap})
			for range test.inFlight {
				if v := c.Enter(context.Background(), 0, start); v != Admitted {
					t.Fatalf("verdict %d", v)
				}
			}
			if got := c.Enter(test.ctx, test.tier, test.now); got != test.want {
				t.Errorf("verdict %d, want %d", got, test.want)
			}
			if admitted := c.InFlight() - test.inFlight; admitted != 1 && test.want == Admitted || admitted != 0 && test.want != Admitted {
				t.Errorf("%d more in flight", admitted)
			}
		})
	}
}

// TestEnterFromManyGoroutines: no limit is ever exceeded. Where there is one place
// every race is for the last one.
func TestEnterFromManyGoroutines(t *testing.T) {
	for _, most := range []int{1, 12} {
		c := New(Config{Classifier: threeTiers(), Cap: most})
		var wg sync.WaitGroup
		for g := range 2 * most {
			wg.Go(func() {
				for range 300_000 / most {
					if c.Enter(context.Background(), g%3, start) != Admitted {
						continue
					}
					if n := c.InFlight(); n > most {
						t.Errorf("%d calls in flight, may be %d", n, most)
					}
					c.Leave()
				}
			})
		}
		wg.Wait()
		if n := c.InFlight(); n != 0 {
			t.Errorf("%d still in flight", n)
		}
	}
}

// TestStormOfRefused: calls that are turned away take up no room, not even for a
// moment, in which a critical call might come.
func TestStormOfRefused(t *testing.T) {
	c := New(Config{Classifier: threeTiers(), Cap: 16})
	for range 8 {
		c.Enter(context.Background(), 0, start)
	}
	var over atomic.Bool
	var storm sync.WaitGroup
	for range 4 {
		storm.Go(func() {
			for !over.Load() {
				if c.Enter(context.Background(), 2, start) == Admitted {
					t.Error("beyond the limit")
				}
			}
		})
	}
	for range 300_000 {
		if n := c.InFlight(); n != 8 {
			t.Errorf("%d in flight, want 8", n)
			break
		}
	}
	over.Store(true)
	storm.Wait()
}

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := New(Config{Classifier: threeTiers(), Cap: 10})
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	now := time.Now()
	if got := testing.AllocsPerRun(100, func() {
		if c.Enter(ctx, 1, now) == Admitted {
			c.Load(now)
			c.Leave()
		}
	}); got != 0 {
		t.Errorf("%v allocations to enter and leave", got)
	}
	trusted := Arrival{Tier: []string{"critical"}, Level: []string{"7"}}
	for _, test := range []struct {
		name    string
		arrival Arrival
		most    float64
	}{
		{"class by the server's rules", Arrival{Method: "GET /"}, 2},
		{"class from the wire", trusted, 4},
	} {
		if got := testing.AllocsPerRun(100, func() { c.Restore(ctx, test.arrival) }); got > test.most {
			t.Errorf("%s: %v allocations, may be %v", test.name, got, test.most)
		}
	}
}
