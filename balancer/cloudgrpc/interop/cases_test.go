package interop_test

import (
	"context"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// testCase is a case of gRPC's.
type testCase struct {
	name string
	run  func(context.Context, *client)
	// repeatable cases pass wherever and however often a call is repeated. The
	// others can't always pass when a server dies: they have part of an answer
	// before the end, send more than is kept for another attempt, or want
	// UNKNOWN each time, so that the retry budget is spent when it is needed.
	repeatable bool
}

// cases are those that need neither an account at a cloud nor TLS.
var cases = []testCase{
	{"empty_unary", with(interop.DoEmptyUnaryCall), true},
	{"large_unary", with(interop.DoLargeUnaryCall), true},
	{"client_streaming", with(interop.DoClientStreaming), false},
	{"server_streaming", with(interop.DoServerStreaming), false},
	{"ping_pong", with(interop.DoPingPong), false},
	{"empty_stream", with(interop.DoEmptyStream), true},
	{"timeout_on_sleeping_server", with(interop.DoTimeoutOnSleepingServer), true},
	{"cancel_after_begin", with(interop.DoCancelAfterBegin), true},
	{"cancel_after_first_response", with(interop.DoCancelAfterFirstResponse), false},
	{"custom_metadata", with(interop.DoCustomMetadata), false},
	{"status_code_and_message", with(interop.DoStatusCodeAndMessage), false},
	{"special_status_message", with(interop.DoSpecialStatusMessage), false},
	{"unimplemented_method", unimplementedMethod, true},
	{"unimplemented_service", unimplementedService, true},
	{"rpc_soak", rpcSoak, true},
	{"channel_soak", channelSoak, true},
	{"orca_per_rpc", loadsWithAnswers, false},
	{"orca_oob", loadsOutOfBand, false},
}

// caseOf returns the case of that name.
func caseOf(name string) testCase {
	for _, c := range cases {
		if c.name == name {
			return c
		}
	}
	log.Fatalf("there is no case %q", name)
	return testCase{}
}

// with is a case that needs the service alone.
func with(run func(context.Context, pb.TestServiceClient, ...grpc.CallOption)) func(context.Context, *client) {
	return func(ctx context.Context, c *client) { run(ctx, pb.NewTestServiceClient(c.conn)) }
}

func unimplementedMethod(ctx context.Context, c *client) { interop.DoUnimplementedMethod(ctx, c.conn) }

func unimplementedService(ctx context.Context, c *client) {
	interop.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(c.conn))
}

func rpcSoak(ctx context.Context, c *client) {
	soak(ctx, func() (*grpc.ClientConn, func()) { return c.conn, func() {} })
}

func channelSoak(ctx context.Context, c *client) {
	soak(ctx, func() (*grpc.ClientConn, func()) {
		conn := c.dial()
		return conn, func() { conn.Close() }
	})
}

// soak makes calls as gRPC's own client does by default, but doesn't judge how
// long they take.
func soak(ctx context.Context, channel func() (*grpc.ClientConn, func())) {
	interop.DoSoakTest(ctx, interop.SoakTestConfig{
		RequestSize: 271828, ResponseSize: 314159, NumWorkers: 1, Iterations: 10,
		PerIterationMaxAcceptableLatency: time.Minute, OverallTimeout: time.Minute,
		ServerAddr: cloudgrpc.Scheme + ":///" + service, ChannelForTest: channel,
	})
}
