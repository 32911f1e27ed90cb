package balancer

import (
	"log/slog"
	"time"

	"github.com/fairlead-go/fairlead/sla"
)

// ledger has the account of each promise: of the tiers of each service, whichever
// protocol it speaks, and of the contracts. Router.mu guards it, but for the
// meters, in which calls count themselves.
//
// The dates of all counts are router time, turned into a time of day at New: when
// somebody sets the clock, nothing moves.
type ledger struct {
	tiers     map[promiseKey]*account
	contracts map[string]*account
	judged    int64 // the second in which the budgets were last looked at
}

type promiseKey struct{ service, tier string }

type account struct {
	*sla.Account
	paging bool // somebody should have been woken
}

// keep makes the ledger one for a config. Accounts of tiers and contracts that
// stay are kept.
func (l *ledger) keep(cfg *Config, now time.Time) {
	tiers, contracts := make(map[promiseKey]*account), make(map[string]*account)
	for service := range cfg.Services {
		for _, t := range cfg.Tiers {
			key := promiseKey{service, t.Name}
			tiers[key] = keptOr(l.tiers[key], now)
		}
	}
	for _, c := range cfg.Contracts {
		contracts[c.Name] = keptOr(l.contracts[c.Name], now)
	}
	l.tiers, l.contracts = tiers, contracts
}

func keptOr(a *account, now time.Time) *account {
	if a == nil {
		a = &account{Account: sla.NewAccount(now)}
	}
	return a
}

// meters returns the meters of the config's contracts, in their order.
func (l *ledger) meters(contracts []sla.Contract) []*sla.Meter {
	var meters []*sla.Meter
	for _, c := range contracts {
		meters = append(meters, &l.contracts[c.Name].Meter)
	}
	return meters
}

// sweep takes over what was counted.
func (l *ledger) sweep(now time.Time) {
	for _, a := range l.tiers {
		a.Sweep(now)
	}
	for _, a := range l.contracts {
		a.Sweep(now)
	}
}

// spend is the turn of the budget loop, once a second: it takes over what was
// counted, and sees which tiers burn. It reports whether the table has to be
// built anew, and leaves built nil of the services that are concerned.
func (r *Router) spend(now time.Time) (changed bool) {
	if now.Unix() == r.ledger.judged {
		return false
	}
	r.ledger.judged = now.Unix()
	r.ledger.sweep(now)
	for _, s := range r.order {
		burning := false
		for i := range s.tiers {
			burning = r.burns(s, &s.tiers[i], now) || burning
		}
		if s.burning != burning {
			s.burning, s.built, changed = burning, nil, true
		}
	}
	return changed
}

// burns reports whether a tier burns its budget so fast that somebody should be
// woken, and logs when that begins and ends.
func (r *Router) burns(s *service, tier *sla.Tier, now time.Time) bool {
	a := r.ledger.tiers[promiseKey{s.name, tier.Name}]
	burns := a.Burns(now, tier.Objective.Target)
	paging := sla.Paging(burns)
	if paging != a.paging {
		a.paging = paging
		level, text := slog.LevelWarn, "tier burns its error budget"
		if !paging {
			level, text = slog.LevelInfo, "tier burns its error budget no longer"
		}
		service, name := s.name, tier.Name
		r.note(func() {
			r.log.Log(r.ctx, level, text, "service", service, "tier", name, "burn_1h", burns[0].LongRate, "burn_6h", burns[1].LongRate)
		})
	}
	return paging
}

// hedges reports whether calls of a tier may be hedged. While any tier of the
// service burns its budget, the attempts are for those that were promised
// protection.
func (s *service) hedges(tier *sla.Tier) bool {
	return tier.Hedge > 0 && (tier.Protected || !s.burning)
}

// Report returns what was promised and what was kept, as of now. Any goroutine
// may call it, also after Close.
//
// Each call that [Do] makes counts once, in the tier of its service and, if one is
// declared for its product and customer, in its contract. It is good if its answer
// was acceptable and came within the latency of the tier's objective; calls that
// were shed or refused are bad, and so are those whose function panicked. A caller
// who leaves, and one who asks for what
// nobody can do, don't count. What [Router.Pick] makes counts only by
// [Router.Count].
func (r *Router) Report() sla.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report(r.wall(r.now()))
}

// report is Report. The caller holds mu.
func (r *Router) report(now time.Time) sla.Report {
	r.ledger.sweep(now)
	var contracts []sla.ContractStanding
	for _, c := range r.config.Contracts {
		contracts = append(contracts, sla.ContractStanding{Name: c.Name, Standing: r.ledger.contracts[c.Name].Standing(now, c.Objective())})
	}
	var tiers []sla.TierStanding
	for i, s := range r.order {
		if i > 0 && r.order[i-1].name == s.name {
			continue // over another protocol
		}
		for _, t := range s.tiers {
			tiers = append(tiers, sla.TierStanding{Service: s.name, Tier: t.Name, Standing: r.ledger.standing(s.name, &t, now)})
		}
	}
	return sla.NewReport(now, contracts, tiers)
}

func (l *ledger) standing(service string, tier *sla.Tier, now time.Time) sla.Standing {
	return l.tiers[promiseKey{service, tier.Name}].Standing(now, tier.Objective)
}

// snapshot returns the ledger as data to be saved.
func (r *Router) snapshot(now time.Time) sla.Snapshot {
	r.ledger.sweep(now)
	s := sla.Snapshot{At: now.UTC()}
	for _, c := range r.config.Contracts {
		s.Contracts = append(s.Contracts, sla.ContractRecord{
			Name: c.Name, Objective: c.Objective(), Record: r.ledger.contracts[c.Name].Record(now),
		})
	}
	for i, of := range r.order {
		if i > 0 && r.order[i-1].name == of.name {
			continue
		}
		for _, t := range of.tiers {
			s.Tiers = append(s.Tiers, sla.TierRecord{
				Service: of.name, Tier: t.Name, Objective: t.Objective, Record: r.ledger.tiers[promiseKey{of.name, t.Name}].Record(now),
			})
		}
	}
	return s
}

// restore adds a snapshot to the accounts. What the config doesn't have any more
// is left out.
func (l *ledger) restore(s sla.Snapshot, now time.Time) {
	for _, t := range s.Tiers {
		if a := l.tiers[promiseKey{t.Service, t.Tier}]; a != nil {
			a.Restore(t.Record, now)
		}
	}
	for _, c := range s.Contracts {
		if a := l.contracts[c.Name]; a != nil {
			a.Restore(c.Record, now)
		}
	}
}
