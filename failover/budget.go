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
// Floor), with the rate averaged exponentially over Bank. Half of that is kept
// for protected tiers.
//
// That bounds the attempts over any time to calls × (1 + Fraction), plus the
// floor and one bank, also when each of them fails. Finagle's budget (20 %, 10
// per second, 10 s) has the same terms.
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
}

const (
	// quantum is the number of parts of a token.
	quantum = 1 << 20
	// mostTokens keeps sums of quanta far from overflow.
	mostTokens = 1 << 40
)

// NewBudget returns a budget that holds Floor × Bank tokens: the bank of a
// service without calls.
func NewBudget(s BudgetSettings) *Budget {
	b := &Budget{settings: s.WithDefaults()}
	b.bank.Store(b.capacity())
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
	earned := float64(b.first)*b.settings.Fraction + elapsed*b.settings.Floor
	b.rate += (float64(b.first)/elapsed - b.rate) * -math.Expm1(-elapsed/b.settings.Bank.Seconds())
	b.first, b.filled = 0, now
	b.bank.Store(b.capacity())
	b.add(quanta(earned))
}

// capacity returns the bank at the present rate, in quanta.
func (b *Budget) capacity() int64 {
	return quanta(b.settings.Bank.Seconds() * (b.rate*b.settings.Fraction + b.settings.Floor))
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
