package interop_test

import (
	"context"
	"log"
	"time"

	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// orca_per_rpc and orca_oob make the calls of gRPC's functions of those names,
// which read the reports from a context key that only gRPC can set. What counts
// here is the reports that the router keeps.

// loads are those that servers are told to report.
var loads = []*pb.TestOrcaReport{
	{CpuUtilization: 0.8210, MemoryUtilization: 0.5847, Utilization: map[string]float64{"util": 0.30499}},
	{CpuUtilization: 0.29309, MemoryUtilization: 0.2, Utilization: map[string]float64{"util": 0.2039}},
}

// loadsWithAnswers gets reports with answers.
func loadsWithAnswers(ctx context.Context, c *client) {
	for _, load := range loads {
		if _, err := pb.NewTestServiceClient(c.conn).UnaryCall(ctx, &pb.SimpleRequest{OrcaPerQueryReport: load}); err != nil {
			log.Fatal(err)
		}
		if !c.keeps("a", load) && !c.keeps("b", load) {
			log.Fatalf("%v was reported, and the router has %+v", load, c.router.Status().Services[0])
		}
	}
}

// loadsOutOfBand gets reports between answers. What answers say of loads, which is
// nothing, doesn't replace them.
func loadsOutOfBand(ctx context.Context, c *client) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn := c.dial(cloudgrpc.WithLoadReports(100 * time.Millisecond))
	defer conn.Close()
	tests := pb.NewTestServiceClient(conn)
	stream, err := tests.FullDuplexCall(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, load := range loads {
		order := &pb.StreamingOutputCallRequest{OrcaOobReport: load, ResponseParameters: []*pb.ResponseParameters{{Size: 1}}}
		if err := stream.Send(order); err != nil {
			log.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			log.Fatal(err)
		}
		for !c.keeps("a", load) && !c.keeps("b", load) {
			if _, err := tests.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// keeps reports whether the load is the last one that the router heard of the
// cloud.
func (c *client) keeps(cloud string, load *pb.TestOrcaReport) bool {
	for _, s := range c.router.Status().Services[0].Clouds {
		if s.Name == cloud {
			is := s.Endpoints[0].Load
			return is.CPU == load.CpuUtilization && is.Memory == load.MemoryUtilization
		}
	}
	return false
}
