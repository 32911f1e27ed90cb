package failover

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drain withdraws until it is refused and returns how often it wasn't.
func drain(b *Budget, protected bool) int {
	n := 0
	for b.Withdraw(protected) {
		n++
	}
	return n
}

// serve refills b each 50 ms over a time of steady traffic, in which every call
// wants a retry if failing is set, and returns the retries granted. The rate is
// per second and a multiple of 20.
func serve(b *Budget, from *time.Duration, d time.Duration, rate int, failing bool) int {
	granted := 0
	for end := *from + d; *from < end; {
		*from += 50 * time.Millisecond
		b.Refill(*from, uint64(rate/20))
		for range rate / 20 {
			if failing && b.Withdraw(true) {
				granted++
			}
		}
	}
	return granted
}

func TestBudgetWithoutCalls(t *testing.T) {
	b := NewBudget(BudgetSettings{})
	if got := drain(b, true); got != 10 {
		t.Errorf("a new budget grants %d, want the least bank of 10", got)
	}
	b.Refill(9*time.Second, 0)
	if got := drain(b, true); got != 0 {
		t.Errorf("9 s without calls grant %d, want none: the floor is one in 10 s", got)
	}
	b.Refill(31*time.Second, 0)
	if got := drain(b, true); got != 3 {
		t.Errorf("31 s without calls grant %d, want the floor of 3", got)
	}
	b.Refill(time.Hour, 0)
	if got := drain(b, true); got != 10 {
		t.Errorf("an hour without calls grants %d, want no more than the bank of 10", got)
	}
	if got := drain(NewBudget(BudgetSettings{Floor: 3}), true); got != 30 {
		t.Errorf("a new budget grants %d, want floor × bank = 30", got)
	}
}

// The calls of the first second earn a whole bank, whenever they come.
func TestBudgetOfAYoungService(t *testing.T) {
	for _, idle := range []time.Duration{0, time.Hour} {
		b, now := NewBudget(BudgetSettings{}), time.Duration(0)
		serve(b, &now, idle, 0, false)
		for _, step := range []struct {
			after time.Duration
			want  float64
		}{{500 * time.Millisecond, 60}, {500 * time.Millisecond, 101}, {9 * time.Second, 101}} {
			serve(b, &now, step.after, 100, false)
			if got := b.Balance(); math.Abs(got-step.want) > 3 {
				t.Errorf("idle for %v: %.1f tokens %v later, want %v", idle, got, step.after, step.want)
			}
		}
	}
}

// A bank that holds less than the calls of a second earn doesn't take from them what
// each call earns.
func TestShortBankOfAYoungService(t *testing.T) {
	b := NewBudget(BudgetSettings{Fraction: 0.5, Bank: 200 * time.Millisecond})
	now, out := time.Duration(0), 0
	for range 20 {
		serve(b, &now, 50*time.Millisecond, 1000, false)
		out += drain(b, true)
	}
	if out < 475 || out > 510 { // its bank grows in the first moments
		t.Errorf("1000 calls with a fraction of 0.5 paid for %d retries", out)
	}
}

// A service whose first calls come fast may retry those of unprotected tiers at
// once, not only when it has saved half of what it will be able to.
func TestBudgetOfAYoungServiceServesAllTiers(t *testing.T) {
	for _, rate := range []int{20, 1000, 100_000} {
		b, now := NewBudget(BudgetSettings{}), time.Duration(0)
		for now < 2*time.Second {
			serve(b, &now, 50*time.Millisecond, rate, false)
			had := b.Balance()
			if got := float64(drain(b, false)); got < had/2-1.5 || got > had/2+1 {
				t.Fatalf("%d calls/s, after %v: unprotected tiers get %v of %.1f tokens, want half", rate, now, got, had)
			}
			for b.Balance() < had-0.5 {
				b.Return()
			}
		}
	}
}

// A service with few calls can save up 10 tokens, one with many what it earns
// in the time of the bank.
func TestBudgetBank(t *testing.T) {
	for rate, want := range map[int]float64{0: 10, 20: 21, 100: 101, 1000: 1001} {
		b, now := NewBudget(BudgetSettings{}), time.Duration(0)
		serve(b, &now, 2*time.Minute, rate, false)
		if got := b.Balance(); math.Abs(got-want) > 0.02*want {
			t.Errorf("%d calls/s save up %.1f tokens, want %v", rate, got, want)
		}
	}
}

func TestBudgetKeepsHalfForProtectedTiers(t *testing.T) {
	b := NewBudget(BudgetSettings{})
	if got := drain(b, false); got != 5 {
		t.Errorf("unprotected tiers get %d of 10, want 5", got)
	}
	if got := drain(b, true); got != 5 {
		t.Errorf("protected tiers get %d after them, want 5", got)
	}
	b.Refill(11*time.Second, 0)
	if b.Withdraw(false) {
		t.Error("an unprotected tier was served below half of the bank")
	}
	if !b.Withdraw(true) {
		t.Error("a protected tier wasn't")
	}
}

// Source: Finagle's budget: 20 % of calls and 10 per second, saved for 10 s.
func TestBudgetFinagle(t *testing.T) {
	b, now := NewBudget(BudgetSettings{Fraction: 0.2, Floor: 10, Bank: 10 * time.Second}), time.Duration(0)
	serve(b, &now, 2*time.Minute, 100, false)
	if got := b.Balance(); math.Abs(got-300) > 1 {
		t.Errorf("after minutes at 100 calls/s the balance is %.1f, want (0.2 × 100 + 10) × 10 = 300", got)
	}
	drain(b, true)
	if got := serve(b, &now, 10*time.Second, 100, true); got != 300 {
		t.Errorf("10 s of failures are granted %d retries, want 300", got)
	}
	serve(b, &now, 2*time.Minute, 100, false)
	serve(b, &now, time.Minute, 0, false)
	if got := b.Balance(); math.Abs(got-100) > 1 {
		t.Errorf("a minute after the last call the balance is %.1f, want that of the floor, 100: savings expire", got)
	}
}

// The figure that the budget exists for: attempts stay within 1.1 × calls and
// the floor, whatever fails.
func TestBudgetBoundsAmplification(t *testing.T) {
	b, now := NewBudget(BudgetSettings{}), time.Duration(0)
	serve(b, &now, time.Minute, 1000, false)
	saved := b.Balance()
	granted := serve(b, &now, time.Minute, 1000, true)
	if most := saved + 60*(100+0.1); float64(granted) > most || float64(granted) < most-10 {
		t.Errorf("%d retries in a minute at 1,000 calls/s, want what was saved and earned, %.0f", granted, most)
	}
}

// The survivors of a lost cloud hold iff b ≤ (1−u)(N−1)/(u·N), for N equal
// clouds used to u and a retry budget of b times the calls: until the loss is
// noticed, each gets its own calls and its part of the retries.
func TestBudgetSurvivors(t *testing.T) {
	const rate = 10_000 // of the service; the floor is nothing beside it
	for _, tt := range []struct {
		clouds int
		used   float64
	}{{2, 0.75}, {2, 0.9}, {3, 0.8}, {5, 0.9}} {
		n := float64(tt.clouds)
		limit := (1 - tt.used) * (n - 1) / (tt.used * n)
		if tt.clouds == 2 && tt.used == 0.75 && math.Abs(limit-0.167) > 0.001 {
			t.Errorf("the formula gives %.3f, want 0.167", limit)
		}
		for _, part := range []float64{0.97, 1.03} {
			b, now := NewBudget(BudgetSettings{Fraction: part * limit, Floor: 1e-3, Bank: time.Second}), time.Duration(0)
			retries := 0.0
			for range 10 * 20 {
				now += 50 * time.Millisecond
				b.Refill(now, rate/20)
				for range int(rate / 20 / n) { // those sent to the lost cloud
					if b.Withdraw(true) && now > 5*time.Second { // the bank is spent by then
						retries++
					}
				}
			}
			load := (rate*(n-1)/n + retries/5) / (n - 1) // of each survivor, per second
			capacity := rate / n / tt.used               // of each
			if holds := load <= capacity; holds != (part < 1) {
				t.Errorf("%d clouds used to %v, budget %.2f × the limit: load is %.3f of capacity", tt.clouds, tt.used, part, load/capacity)
			}
		}
	}
}

func TestBudgetReturn(t *testing.T) {
	b := NewBudget(BudgetSettings{})
	b.Return()
	if got := b.Balance(); got != 10 {
		t.Errorf("a full bank took a token: %v", got)
	}
	drain(b, true)
	b.Return()
	if got := drain(b, true); got != 1 {
		t.Errorf("%d tokens after one was returned", got)
	}
}

func TestBudgetConfigure(t *testing.T) {
	b := NewBudget(BudgetSettings{Floor: 10})
	b.Configure(BudgetSettings{Floor: 2})
	b.Refill(time.Millisecond, 0)
	if got := b.Balance(); got != 20 {
		t.Errorf("balance %v after the floor became 2, want 20", got)
	}
}

func TestBudgetRefillTwiceAtOnce(t *testing.T) {
	b := NewBudget(BudgetSettings{Floor: 10})
	drain(b, true)
	b.Refill(time.Second, 10)
	drain(b, true)
	b.Refill(time.Second, 100)
	if b.Withdraw(true) {
		t.Error("a token came in no time")
	}
	b.Refill(2*time.Second, 0)
	if got := drain(b, true); got != 20 {
		t.Errorf("%d tokens, want 10 for 100 calls and 10 for a second", got)
	}
}

// Nobody spends what wasn't earned, in whatever order things happen, and the
// balance stays within the bank.
func TestBudgetNeverOverspent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BudgetSettings{
			Fraction: rapid.Float64Range(0, 3).Draw(t, "fraction"),
			Bank:     time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "bank")),
			Floor:    rapid.Float64Range(0, 50).Draw(t, "floor"),
		}
		b := NewBudget(s)
		s = s.WithDefaults()
		allowed, out := max(10, s.Floor*s.Bank.Seconds()), 0
		now, born, fastest := time.Duration(0), time.Duration(-1), 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				elapsed := time.Duration(rapid.Int64Range(1, int64(2*time.Second)).Draw(t, "elapsed"))
				first := rapid.Uint64Range(0, 2000).Draw(t, "first")
				if born < 0 && first > 0 {
					born = now
				}
				now += elapsed
				b.Refill(now, first)
				fraction := s.Fraction
				if born >= 0 && now-born <= time.Second {
					fraction *= max(1, s.Bank.Seconds()) // the calls of the first second earn a whole bank
				}
				allowed += float64(first)*fraction + elapsed.Seconds()*s.Floor
				fastest = max(fastest, float64(first)/elapsed.Seconds())
			case 1:
				if b.Withdraw(true) {
					out++
				}
			case 2:
				before := b.Balance()
				if b.Withdraw(false) {
					out++
					if b.Balance() < float64(b.bank.Load()/2)/quantum {
						t.Fatalf("an unprotected tier went from %v below half of the bank", before)
					}
				}
			case 3:
				if out > 0 {
					out--
					b.Return()
				}
			}
			if float64(out) > allowed+1e-3 {
				t.Fatalf("%d tokens are out, %v were earned", out, allowed)
			}
			if got, most := b.Balance(), max(10, s.Bank.Seconds()*(fastest*s.Fraction+s.Floor)); got < 0 || got > most+1e-3 {
				t.Fatalf("balance %v, the bank holds %v", got, most)
			}
		}
	})
}

// However many draw from it at once, each token is spent once.
func TestBudgetConcurrently(t *testing.T) {
	const workers, tokens = 8, 400_000
	b := NewBudget(BudgetSettings{Floor: tokens / 10, Bank: 10 * time.Second})
	var spent atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for try := 0; b.Withdraw(true); try++ {
				if try%10 == 0 {
					b.Return()
				} else {
					spent.Add(1)
				}
			}
		})
	}
	// What is refilled meanwhile may or may not fit into the bank.
	const refills = 100
	for i := range refills {
		b.Refill(time.Duration(i+1)*time.Millisecond, 10)
	}
	wg.Wait()
	got := spent.Load() + int64(drain(b, true))
	if earned := int64(tokens + 10*refills + refills*tokens/10/1000); got < tokens || got > earned {
		t.Errorf("%d tokens were spent of %d there were and %d there may have been", got, tokens, earned)
	}
}

func TestBudgetTakesAnySettings(t *testing.T) {
	b := NewBudget(BudgetSettings{Fraction: math.MaxFloat64, Bank: math.MaxInt64, Floor: math.MaxFloat64})
	for i := range 100 {
		b.Refill(time.Duration(i)*time.Hour, math.MaxUint64>>1)
		b.Return()
		if !b.Withdraw(true) || b.Balance() < 0 || b.Balance() > mostTokens {
			t.Fatalf("balance %v", b.Balance())
		}
	}
}

func TestBudgetAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := NewBudget(BudgetSettings{})
	if n := testing.AllocsPerRun(1000, func() {
		if b.Withdraw(true) {
			b.Return()
		}
		b.Withdraw(false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBudgetWithdraw(b *testing.B) {
	budget := NewBudget(BudgetSettings{})
	b.ReportAllocs()
	for b.Loop() {
		if budget.Withdraw(true) {
			budget.Return()
		}
	}
}
