package balancer

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
)

// Probe says what a [Prober] is to ask.
type Probe struct {
	Service, Cloud string
	Endpoint       *Endpoint
	// Path is the configured health.probe.path.
	Path string
}

// Prober asks one endpoint how it is. The context ends with the probe's
// timeout. A prober that speaks the endpoint's protocol returns health.OK for a
// process that serves; one that only connects must return health.Reached,
// because the kernel accepts connections for a frozen process. One that can't ask
// returns the zero Outcome: then the router connects. It is called by many
// goroutines.
type Prober func(ctx context.Context, p Probe) health.Outcome

// SetProber replaces the way endpoints of a protocol are probed. Adapters call
// it when they are attached to a router; until then, and again with nil, probes
// only connect. The last one counts.
func (r *Router) SetProber(protocol Protocol, p Prober) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probers[protocol] = p
}

// prober returns what probes the endpoints of a protocol.
func (r *Router) prober(p Protocol) Prober {
	if ask := r.probers[p]; ask != nil {
		return ask
	}
	return r.connects
}

// dueProbe is a probe to be sent, and what its answer is for.
type dueProbe struct {
	Probe
	target  *health.Target
	record  *health.Endpoint
	timeout time.Duration
	ask     Prober
}

// dueProbes returns the probes whose time has come. The caller holds mu.
func (r *Router) dueProbes(now time.Duration) (due []dueProbe) {
	settings := r.config.Health.Probe
	for _, s := range r.order {
		for _, c := range s.clouds {
			for _, record := range c.schedule.Due(now, c.target, r.fraction) {
				due = append(due, dueProbe{
					Probe:  Probe{Service: s.name, Cloud: c.name, Endpoint: &c.byRecord[record].Endpoint, Path: settings.Path},
					target: c.target, record: record, timeout: settings.Timeout, ask: r.prober(s.protocol),
				})
			}
		}
	}
	return due
}

// launch sends the probes, each in a goroutine that ends with its timeout or
// with the router.
func (r *Router) launch(due []dueProbe) {
	for _, p := range due {
		if r.machine != nil {
			asked := virtual.Probe{Service: p.Service, Cloud: p.Cloud, Address: p.Endpoint.Address}
			r.machine.Probe(asked, func(o health.Outcome) { p.target.Probed(p.record, o) })
			continue
		}
		r.wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.ctx, p.timeout)
			defer cancel()
			o := p.ask(ctx, p.Probe)
			if o.Kind == health.Neutral && ctx.Err() == nil {
				o = r.connects(ctx, p.Probe)
			}
			if r.ctx.Err() == nil {
				p.target.Probed(p.record, o)
			}
		})
	}
}

// connects is the prober that needs no protocol.
func (r *Router) connects(ctx context.Context, p Probe) health.Outcome {
	network, address := "tcp", p.Endpoint.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := r.dial(ctx, network, address)
	switch {
	case err == nil:
		conn.Close()
		return health.Outcome{Kind: health.Reached, Reason: "connected"}
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"}
	default:
		return health.Outcome{Kind: health.Refused, Reason: "no connection"}
	}
}
