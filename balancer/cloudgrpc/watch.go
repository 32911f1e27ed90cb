package cloudgrpc

import (
	"context"
	"fmt"

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
		c.policy.wg.Go(func() {
			stop := orca.RegisterOOBListener(conn.sub, loadListener{c.place}, orca.OOBListenerOptions{ReportInterval: every})
			<-ctx.Done()
			stop()
		})
	}
}

// watchHealth takes the connection out of use while the server's health service
// says that it doesn't serve. A server without that service serves.
func (c *child) watchHealth(ctx context.Context, conn *readyConn) {
	cc, release := conn.client()
	defer release()
	client := grpchealth.NewHealthClient(cc)
	retry := backoff.NewExponentialBackOff(backoff.WithMaxElapsedTime(0))
	for {
		stream, err := client.Watch(ctx, &grpchealth.HealthCheckRequest{Service: c.policy.health(c.policy.service)})
		for err == nil {
			var answer *grpchealth.HealthCheckResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			retry.Reset()
			var why error
			if s := answer.GetStatus(); s != grpchealth.HealthCheckResponse_SERVING {
				why = fmt.Errorf("the server's health is %s", s)
			}
			c.serving(conn, why)
		}
		if status.Code(err) == codes.Unimplemented {
			c.serving(conn, nil)
			return
		}
		if !sleep(ctx, retry.NextBackOff()) {
			return
		}
	}
}

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
