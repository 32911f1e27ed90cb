package failover

import (
	"math"
	"sync/atomic"
	"time"
)

// Budget bounds how much retries add to the load of one service, all its
// clouds together. A retry costs a token. Each first attempt earns
// [BudgetSettings.Fraction] of a token, and time earns Floor tokens per
// second. Tokens that are not used are saved up, but for no longer than Bank:
// the most there can be is Bank × (first attempts per second × Fraction +
// Floor), with the rate averaged exponentially over Bank, or 10 tokens if that
// is less, so that a service with few calls can be retried at all. Half of the
// most is kept for protected tiers. The calls of a service's first second earn a
// whole bank: a cloud may be lost when a process has only just begun.
//
// That bounds the attempts over any time to calls × (1 + Fraction), plus the
// floor, what a new budget holds and the bank that the first second earns, also
// when each of them fails. Finagle's budget has the same terms, but with 20 % and
// 10 per second: for one of hundreds of clients with few calls each such a floor
// is no limit.
//
// Withdraw, Return and Balance may be called by any goroutine and neither lock
// nor allocate. Refill and Configure have one owner.
type Budget struct {
	tokens atomic.Int64 // in quanta
	bank   atomic.Int64 // the most that tokens may be

	// The owner's.
	settings BudgetSettings
	rate     float64       // first attempts per second
	first    uint64        // those not yet accounted for
	filled   time.Duration // when they were
	born     time.Duration // when the first calls came
	alive    bool          // they did
}

const (
	// leastBank is the number of tokens that can be saved up however few calls
	// there are.
	leastBank = 10
	// filling is the time in which the first calls of a service earn a whole
	// bank.
	filling = time.Second
	// quantum is the number of parts of a token.
	quantum = 1 << 20
	// mostTokens keeps sums of quanta far from overflow.
	mostTokens = 1 << 40
)

// NewBudget returns a budget that holds what a service without calls can save
// up: Floor × Bank tokens, at least 10.
func NewBudget(s BudgetSettings) *Budget {
	b := &Budget{settings: s.WithDefaults()}
	b.bank.Store(quanta(b.capacity(0)))
	b.tokens.Store(b.bank.Load())
	return b
}

// Configure changes the settings from the next Refill on. What was saved up
// stays, as far as the new bank holds it.
func (b *Budget) Configure(s BudgetSettings) { b.settings = s.WithDefaults() }

// Refill adds what was earned since the last Refill: first is the number of
// first attempts since then, and now must not be earlier than it was.
func (b *Budget) Refill(now time.Duration, first uint64) {
	b.first += first
	elapsed := (now - b.filled).Seconds()
	if elapsed <= 0 {
		return
	}
	if !b.alive && b.first > 0 {
		b.alive, b.born = true, b.filled
	}
	fraction := b.settings.Fraction
	if now-b.born <= filling {
		fraction *= max(1, b.settings.Bank.Seconds()/filling.Seconds())
	}
	earned := float64(b.first)*fraction + elapsed*b.settings.Floor
	// The mean of all so far, until they fill a bank.
	age := (now - b.born).Seconds()
	weight := max(-math.Expm1(-elapsed/b.settings.Bank.Seconds()), min(1, elapsed/age))
	b.rate += (float64(b.first)/elapsed - b.rate) * weight
	b.first, b.filled = 0, now
	most := b.capacity(b.rate)
	if age < filling.Seconds() {
		// Else the half that is kept for protected tiers would be more than there is.
		most = min(most, b.capacity(0)+most*age/filling.Seconds())
	}
	b.bank.Store(quanta(most))
	b.add(quanta(earned))
}

// capacity returns the tokens that can be saved up at a rate of first attempts
// per second.
func (b *Budget) capacity(rate float64) float64 {
	return max(leastBank, b.settings.Bank.Seconds()*(rate*b.settings.Fraction+b.settings.Floor))
}

// Withdraw takes the token for one retry, or reports that there is none for
// such a tier: the call must then live with the outcome it has.
func (b *Budget) Withdraw(protected bool) bool {
	for {
		tokens, reserve := b.tokens.Load(), int64(0)
		if !protected {
			reserve = b.bank.Load() / 2
		}
		if tokens-quantum < reserve {
			return false
		}
		if b.tokens.CompareAndSwap(tokens, tokens-quantum) {
			return true
		}
	}
}

// Return gives back a token whose retry was not made.
func (b *Budget) Return() { b.add(quantum) }

// Balance returns the number of tokens there are.
func (b *Budget) Balance() float64 { return float64(b.tokens.Load()) / quantum }

// add adds quanta as far as the bank holds them.
func (b *Budget) add(n int64) {
	for {
		tokens := b.tokens.Load()
		if b.tokens.CompareAndSwap(tokens, min(tokens+n, b.bank.Load())) {
			return
		}
	}
}

func quanta(tokens float64) int64 { return int64(min(tokens, mostTokens) * quantum) }
