package balancer

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/sla"
)

// Explanation says how a call would be treated now, and why. It is plain data.
//
// As JSON, durations are milliseconds in fields whose names end in Ms, fractions
// are 0…1 and times are RFC 3339.
type Explanation struct {
	At       time.Time `json:"at"`
	Service  string    `json:"service"`
	Protocol string    `json:"protocol"` // "http" or "grpc"
	Method   string    `json:"method"`

	// Tier is the call's, and TierBy what gave it: the context, a rule or the
	// default.
	Tier   string `json:"tier"`
	TierBy sla.By `json:"tierBy"`
	// Rule is the index of the rule that gave the tier in Config.Assign, -1 if
	// none did, and RuleText the rule as the config file writes it.
	Rule     int    `json:"rule"`
	RuleText string `json:"ruleText,omitempty"`
	// UnknownTier is a tier that the context names and the config doesn't have.
	UnknownTier string `json:"unknownTier,omitempty"`
	Protected   bool   `json:"protected"`
	// Level is 0…127, and LevelBy what gave it. One that is left to chance is
	// another with each call.
	Level   int    `json:"level"`
	LevelBy sla.By `json:"levelBy"`

	// Contract is the name of the contract that the call belongs to, and BudgetLeft
	// the part of its error budget that is left; null without a contract.
	Contract   string   `json:"contract,omitempty"`
	BudgetLeft *float64 `json:"budgetLeft,omitempty"`

	// Timeout is how long the call may take altogether; 0: for ever. TimeoutBy
	// is "tier" or "caller".
	Timeout   time.Duration `json:"-"`
	TimeoutBy string        `json:"timeoutBy,omitempty"`
	// Attempts is how often the call may be tried at most, if it may be repeated.
	Attempts int `json:"attempts"`
	// Hedge is the largest part of the tier's calls that may be tried twice at a
	// time; 0: none is now. HedgeAfter is when such a call is; 0 if there were too
	// few answers to tell.
	Hedge      float64       `json:"hedge"`
	HedgeAfter time.Duration `json:"-"`
	// RetryTokens is the number of further attempts that the service's retry
	// budget would pay for now.
	RetryTokens float64 `json:"retryTokens"`

	// Shed says why the call would be shed now; empty if it would not be.
	Shed sla.ShedReason `json:"shed,omitempty"`
	// ShedFraction is the part of the tier's calls for which no cloud has room, and
	// ShedLevel the lowest level of which calls have to wait; 128 if none do.
	ShedFraction float64 `json:"shedFraction"`
	ShedLevel    int     `json:"shedLevel"`
	// Fail says that no cloud may be tried: the call fails at once.
	Fail bool `json:"fail"`
	// Waits says that the call would wait for an address: no cloud it may go to
	// has ever had one.
	Waits bool `json:"waits"`
	// Observe is the cloud that gets every call, whatever the shares are; empty
	// if the shares are carried out.
	Observe string `json:"observe,omitempty"`
	// Held says why bad health isn't held against the clouds, if so.
	Held string `json:"held,omitempty"`

	// Clouds are those of the service, sorted by name.
	Clouds []CloudExplanation `json:"clouds"`
}

// CloudExplanation says what part of such calls a cloud gets, and why.
type CloudExplanation struct {
	Cloud string `json:"cloud"`
	// Share is the part of the tier's calls that goes to the cloud, 0…1, and
	// Reason says why in a word, Text in a sentence.
	Share  float64         `json:"share"`
	Reason failover.Reason `json:"reason"`
	Text   string          `json:"text"`
	// State, StateReason and Since say how the service does in the cloud.
	State       string    `json:"state"`
	StateReason string    `json:"stateReason,omitempty"`
	Since       time.Time `json:"since"`
	Drained     bool      `json:"drained"`
	// DrainedBy is the ID of the change that drains the cloud, or has begun to.
	DrainedBy string `json:"drainedBy,omitempty"`
	// Retries says whether a further attempt may go there.
	Retries bool `json:"retries"`
	// Room says whether one more attempt of the tier may be in flight there.
	Room bool `json:"room"`
	// P50 and P99 are the tier's latencies there in the last 10 s; 0 if unknown.
	P50       time.Duration         `json:"-"`
	P99       time.Duration         `json:"-"`
	Endpoints []EndpointExplanation `json:"endpoints"`
}

// EndpointExplanation says whether an endpoint may be chosen.
type EndpointExplanation struct {
	Endpoint string `json:"endpoint"` // as a URL
	Eligible bool   `json:"eligible"`
	Reason   string `json:"reason,omitempty"` // why it isn't eligible
	InFlight int    `json:"inFlight"`
}

// MarshalJSON writes the durations with their unit.
func (e Explanation) MarshalJSON() ([]byte, error) {
	type plain Explanation
	return json.Marshal(struct {
		plain
		Timeout    float64 `json:"timeoutMs"`
		HedgeAfter float64 `json:"hedgeAfterMs"`
	}{plain(e), inMillis(e.Timeout), inMillis(e.HedgeAfter)})
}

// MarshalJSON writes the durations with their unit.
func (c CloudExplanation) MarshalJSON() ([]byte, error) {
	type plain CloudExplanation
	return json.Marshal(struct {
		plain
		P50 float64 `json:"p50Ms"`
		P99 float64 `json:"p99Ms"`
	}{plain(c), inMillis(c.P50), inMillis(c.P99)})
}

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Explain says how a call would be treated if it were made now. Nothing is sent,
// counted, remembered or waited for. It goes the way of a call, but takes the
// router's lock and is meant for people. The error is an [*UnknownServiceError]
// or [ErrClosed].
func (r *Router) Explain(ctx context.Context, call Call) (Explanation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.table.Load()
	s, err := t.service(call.Service, call.Protocol)
	if err != nil {
		return Explanation{}, err
	}
	draw := r.random()
	class, why := t.classifier.Explain(ctx, call.Method, r.today(), draw)
	d := &calling{terms: terms{router: r, ctx: ctx}, service: s, class: class}
	now := r.now()
	d.setDeadline(call, now)
	tier := d.tier()
	e := Explanation{
		At: r.wall(now), Service: s.name, Protocol: s.protocol.String(), Method: call.Method,
		Tier: tier.Name, TierBy: why.Tier, Rule: why.Rule, UnknownTier: why.Unknown, Protected: tier.Protected,
		Level: int(class.Level), LevelBy: why.Level,
		Attempts: tier.Attempts, RetryTokens: s.live.budget.Balance(),
		ShedFraction: tier.plan.Shed, ShedLevel: tier.sheds.Level(), Fail: tier.plan.Fail, Waits: tier.waits != nil,
		Observe: t.config.Observe, Held: s.live.held,
	}
	if why.Rule >= 0 {
		e.RuleText = encodeInline(t.config.Assign[why.Rule])
	}
	if s.hedges(tier) && s.takesHedges(uint32(draw), class.Tier) && call.Idempotent && !call.OneByOne && call.Stream == NoStream {
		e.Hedge, e.HedgeAfter = tier.Hedge, time.Duration(tier.hedging.delay.Load())
	}
	if class.Contract > 0 {
		contract := t.config.Contracts[class.Contract-1]
		e.Contract = contract.Name
		e.BudgetLeft = new(r.ledger.contracts[contract.Name].Standing(e.At, contract.Objective()).Left)
	}
	if d.deadline > 0 {
		e.Timeout, e.TimeoutBy = max(d.deadline-now, 0), "caller"
		if d.timeout != nil {
			e.TimeoutBy = "tier"
		}
	}
	for k := range s.clouds {
		c := s.clouds[k].explain(r, class.Tier, tier.plan.Shares[k], tier.plan.Fail)
		c.Room = len(s.clouds[k].endpoints) > 0 && s.clouds[k].choose(uint32(draw), class.Tier) >= 0
		c.Retries = c.Room && s.serves(tier, k) && (c.Share > 0 || !s.clouds[k].recovering) &&
			!tier.shed() && (tier.spends || !s.clouds[k].busy)
		e.Clouds = append(e.Clouds, c)
	}
	switch {
	case s.sheds(class, draw):
		e.Shed = sla.ShedCapacity
	case !s.hasRoom(class.Tier, draw):
		e.Shed = sla.ShedInFlight
	}
	return e, nil
}

// hasRoom reports whether some cloud that a call may be sent to has room for one
// more.
func (s *serviceTable) hasRoom(tier int, draw uint64) bool {
	t := &s.tiers[tier]
	full := false
	for k := range s.clouds {
		c := &s.clouds[k]
		if first := s.observed == k || s.observed < 0 && t.plan.Shares[k].Fraction > 0; !first || len(c.endpoints) == 0 {
			continue
		}
		if c.choose(uint32(draw), tier) >= 0 {
			return true
		}
		full = true
		if s.observed < 0 {
			if _, i := s.roomElsewhere(tier, draw, c); i >= 0 {
				return true
			}
		}
	}
	return !full // else there is nobody to be full
}

// explain says what the cloud gets of a tier, whose calls all fail or don't.
func (c *cloudTable) explain(r *Router, tier int, share failover.Share, fail bool) CloudExplanation {
	status := c.live.status(r)
	e := CloudExplanation{
		Cloud: c.name, Share: share.Fraction, Reason: share.Reason, Text: share.Reason.Text(),
		State: status.State.String(), StateReason: status.Reason, Since: status.Since, Drained: status.Drained, DrainedBy: status.DrainedBy,
		P50: c.target.Quantile(tier, 0.50), P99: c.target.Quantile(tier, 0.99),
		Endpoints: []EndpointExplanation{},
	}
	switch {
	case fail && e.Reason == failover.ReasonPanic:
		e.Text = "nothing, because too few clouds are left and panic is fail"
	case e.Reason == failover.ReasonDrained && r.onPaper, e.Reason == failover.ReasonDraining:
		e.Text += ", by change " + e.DrainedBy
	case e.Reason == failover.ReasonDrained:
		e.Text += " at " + status.DrainedSince.UTC().Format(timeOfDay) + ", by change " + e.DrainedBy
	case e.Reason == failover.ReasonDown || e.Reason == failover.ReasonAbsent || e.Reason == failover.ReasonDegraded:
		if status.Reason != "" {
			e.Text += ": " + status.Reason
		}
	case e.Reason == failover.ReasonRecovering && status.Gate != "":
		e.Text += ": " + status.Gate
	}
	for _, endpoint := range c.live.endpoints {
		e.Endpoints = append(e.Endpoints, EndpointExplanation{
			Endpoint: endpoint.String(), Eligible: endpoint.live.Eligible(), Reason: endpoint.live.Reason(), InFlight: endpoint.live.InFlight(),
		})
	}
	return e
}

// Explain says how a router with this config would treat a call now, before it has
// heard of any cloud: see [Config.ExplainAt].
func (c *Config) Explain(ctx context.Context, call Call) (Explanation, error) {
	return c.ExplainAt(ctx, call, time.Now())
}

// ExplainAt says how a router with this config would treat a call that is made at
// some time of day, which decides on the levels of customers and on the config's
// changes. It is a router that has heard of no cloud: every endpoint counts as well,
// and a name as one address that is up. Nothing is looked up or read, but for the
// secret of LevelKey; where that is not to be had, a customer's level is one of a key
// of its own. The error is about the config or an [*UnknownServiceError].
func (c *Config) ExplainAt(ctx context.Context, call Call, at time.Time) (Explanation, error) {
	r := newPaper(at)
	defer r.cancel()
	if err := r.update(c, nil); err != nil {
		return Explanation{}, err
	}
	return r.Explain(ctx, call)
}

// unresolved is the endpoint that a name stands for as long as its addresses
// aren't known.
func (u endpointURL) unresolved() Endpoint {
	if u.target != "" {
		return Endpoint{Scheme: u.scheme, Address: u.target}
	}
	e := u.endpoint(u.addr)
	e.Address = u.hostPort()
	return e
}
