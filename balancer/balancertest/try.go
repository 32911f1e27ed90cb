package balancertest

import (
	"context"
	"fmt"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// Try makes an attempt of [balancer.Do] and returns the name of the cloud that
// answered. A program with a protocol of its own can ask it what becomes of an
// attempt and then make up the answer.
func (cs *Clouds) Try(ctx context.Context, at balancer.Attempt) (string, health.Outcome, error) {
	e := cs.byAddress[at.Endpoint().Address]
	if e == nil {
		return "", health.Outcome{}, fmt.Errorf("balancertest: no endpoint has the address %s", at.Endpoint().Address)
	}
	r := e.serve(ctx, false)
	o := r.outcome()
	switch r {
	case answered:
		return e.cloud, o, nil
	case givenUp:
		return "", o, context.Cause(ctx)
	}
	return "", o, fmt.Errorf("balancertest: %s at %s: %s", e.cloud, e.host, o.Reason)
}

// Probe is a [balancer.Prober] for routers that no adapter has given one.
func (cs *Clouds) Probe(ctx context.Context, p balancer.Probe) health.Outcome {
	e := cs.byAddress[p.Endpoint.Address]
	if e == nil {
		return health.Outcome{Kind: health.Refused, Reason: "no such endpoint"}
	}
	if r := e.serve(ctx, true); r != givenUp {
		return r.outcome()
	}
	return health.Outcome{Kind: health.TimedOut, Reason: "probe timeout"}
}

func (r result) outcome() health.Outcome {
	switch r {
	case answered:
		return health.Outcome{Kind: health.OK, Reason: "answered"}
	case failed:
		return health.Outcome{Kind: health.Failed, Reason: "error"}
	case refused:
		return health.Outcome{Kind: health.Refused, Reason: "connection refused"}
	case broken:
		return health.Outcome{Kind: health.Broken, Reason: "reset"}
	}
	return health.Outcome{Reason: "given up"}
}
