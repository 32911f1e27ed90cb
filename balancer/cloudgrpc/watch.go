package cloudgrpc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"

	"github.com/fairlead-go/fairlead/balancer"
)

// watch follows what the server at the other end of a connection says of itself,
// until ctx ends. The caller holds policy.mu.
func (c *child) watch(ctx context.Context, conn *readyConn) {
	if c.policy.closed {
		return
	}
	c.policy.wg.Go(func() { c.watchHealth(ctx, conn) })
	if every := c.policy.loadEvery; every > 0 {
		// Here, in gRPC's own goroutine, and not later: a producer that is closed
		// before it has a listener would block gRPC for ever.
		stop := orca.RegisterOOBListener(conn.sub, loadListener{c.place}, orca.OOBListenerOptions{ReportInterval: every})
		c.policy.wg.Go(func() {
			<-ctx.Done()
			stop()
		})
	}
}

const (
	// firstWord is how long calls wait for what a server says of its health.
	firstWord = 100 * time.Millisecond
	// checkEvery is how often a server is asked that can't be watched.
	checkEvery = 5 * time.Second
)

// watchHealth lets calls use the connection while the server's health service says
// that it serves. A server without that service, or whose service is not for us,
// serves, and so does one that says nothing for firstWord.
func (c *child) watchHealth(ctx context.Context, conn *readyConn) {
	late := time.AfterFunc(firstWord, func() { c.presume(conn) })
	defer late.Stop()
	cc, release := conn.client()
	defer release()
	client := grpchealth.NewHealthClient(cc)
	request := &grpchealth.HealthCheckRequest{Service: c.policy.health(c.policy.service)}
	retry := backoff.NewExponentialBackOff(backoff.WithMaxElapsedTime(0))
	for {
		stream, err := client.Watch(ctx, request)
		for err == nil {
			var answer *grpchealth.HealthCheckResponse
			if answer, err = stream.Recv(); err == nil {
				late.Stop()
				retry.Reset()
				c.serving(conn, fitness(answer))
			}
		}
		if status.Code(err) == codes.Unimplemented {
			late.Stop()
			c.checkHealth(ctx, conn, client, request)
			return
		}
		if ctx.Err() == nil && !isServersFault(status.Code(err)) {
			late.Stop()
			c.serving(conn, nil)
		}
		if !sleep(ctx, retry.NextBackOff()) {
			return
		}
	}
}

// checkHealth asks again and again where there is nothing to watch.
func (c *child) checkHealth(ctx context.Context, conn *readyConn, client grpchealth.HealthClient, request *grpchealth.HealthCheckRequest) {
	for {
		answer, err := client.Check(ctx, request)
		if err == nil {
			c.serving(conn, fitness(answer))
		} else if ctx.Err() == nil && status.Code(err) != codes.NotFound {
			c.serving(conn, nil)
		}
		if status.Code(err) == codes.Unimplemented {
			return
		}
		if !sleep(ctx, time.Duration(float64(checkEvery)*(0.8+0.4*rand.Float64()))) {
			return
		}
	}
}

// fitness returns nil if the answer says that the server serves.
func fitness(answer *grpchealth.HealthCheckResponse) error {
	if s := answer.GetStatus(); s != grpchealth.HealthCheckResponse_SERVING {
		return fmt.Errorf("%w: its health is %s", errNotServing, s)
	}
	return nil
}

// errNotServing is why a connection isn't used.
var errNotServing = errors.New("the server doesn't serve")

// loadListener keeps what a server reports out of band.
type loadListener struct{ place balancer.Place }

func (l loadListener) OnLoadReport(r *v3orcapb.OrcaLoadReport) { l.place.Report(loadReport(r)) }

// report keeps what a server reported with an answer. Servers that could report
// and don't send an empty report, which must not replace one that came out of
// band.
func report(a balancer.Attempt, load any) {
	r, ok := load.(*v3orcapb.OrcaLoadReport)
	if !ok || r == nil {
		return
	}
	if l := loadReport(r); l != (balancer.LoadReport{}) {
		a.Report(l)
	}
}

func loadReport(r *v3orcapb.OrcaLoadReport) balancer.LoadReport {
	return balancer.LoadReport{
		Application: r.GetApplicationUtilization(), CPU: r.GetCpuUtilization(), Memory: r.GetMemUtilization(),
		Calls: r.GetRpsFractional(), Errors: r.GetEps(),
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
