package main

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// endpointsPerCloud is the number of processes of each cloud.
const endpointsPerCloud = 3

// serve is what a process that is an endpoint does.
func serve(cloud string, on net.Listener) error { return newServer(cloud).Serve(on) }

// newServer returns a server of the service and of gRPC's health service, by
// which the router probes it.
func newServer(cloud string) *grpc.Server {
	server := grpc.NewServer()
	server.RegisterService(&routingDesc, endpoint{cloud, paces[cloud]})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	return server
}

// pace is how long an answer takes: from least to least + spread.
type pace struct{ least, spread time.Duration }

// paces are those of the clouds. gcp is further away.
var paces = map[string]pace{
	"onprem": {least: 3 * time.Millisecond, spread: 4 * time.Millisecond},
	"gcp":    {least: 8 * time.Millisecond, spread: 6 * time.Millisecond},
}

// A stream has this many positions, one after each interval.
const (
	positions     = 20
	positionEvery = 50 * time.Millisecond
)

// endpoint is a server of the service.
type endpoint struct {
	cloud string
	pace  pace
}

// Route answers at the cloud's pace.
func (e endpoint) Route(ctx context.Context, to *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	if err := e.wait(ctx, e.pace.least+rand.N(e.pace.spread)); err != nil {
		return nil, err
	}
	return wrapperspb.String("a route to " + to.Value), grpc.SetHeader(ctx, e.header())
}

// Follow sends the numbers of positions.
func (e endpoint) Follow(from *wrapperspb.Int64Value, stream grpc.ServerStreamingServer[wrapperspb.Int64Value]) error {
	if err := stream.SetHeader(e.header()); err != nil {
		return err
	}
	for n := range int64(positions) {
		if err := e.wait(stream.Context(), positionEvery); err != nil {
			return err
		}
		if err := stream.Send(wrapperspb.Int64(from.Value + n)); err != nil {
			return err
		}
	}
	return nil
}

func (e endpoint) header() metadata.MD { return metadata.Pairs(servedBy, e.cloud) }

// wait waits for d. It fails if nobody waits with it any more.
func (e endpoint) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
