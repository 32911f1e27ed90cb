package netfault

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// What TestFaults shows of HTTP holds for gRPC, where all calls of an endpoint
// share one connection, and nobody but the router knows that it is dead.
func TestGRPCFaults(t *testing.T) {
	everyFault(t, func() caller { return new(grpcCaller) })
}

// After a longer fault it would take seconds until TCP sent again, or gRPC
// connected again, by themselves.
func TestLongGRPCFault(t *testing.T) {
	need(t)
	keep(t, faults[0], 8*time.Second, 500, func() caller { return new(grpcCaller) })
}

// grpcCaller makes unary calls over gRPC. Each may be carried out twice, and has
// a second.
type grpcCaller struct {
	conn   *grpc.ClientConn
	client pb.TestServiceClient

	stop      context.CancelFunc // ends listening
	listening sync.WaitGroup
}

func (*grpcCaller) protocol() balancer.Protocol { return balancer.GRPC }

func (*grpcCaller) endpoints(c *cloud) (addresses []string) {
	for i := range serversPerCloud {
		addresses = append(addresses, grpcAddress(c.at(i)))
	}
	return addresses
}

func (g *grpcCaller) connect(r *balancer.Router, w *watch) (err error) {
	g.conn, err = cloudgrpc.NewClient(r, "routing-api", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	g.client = pb.NewTestServiceClient(g.conn)
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.listening.Go(func() { listen(ctx, r, w) })
	return nil
}

func (g *grpcCaller) disconnect() {
	g.stop()
	g.listening.Wait()
	g.conn.Close()
}

func (g *grpcCaller) call(int64) error {
	ctx, cancel := context.WithTimeout(cloudgrpc.WithIdempotent(context.Background()), time.Second)
	defer cancel()
	resp, err := g.client.UnaryCall(ctx, &pb.SimpleRequest{})
	if err != nil {
		return err
	}
	if got := string(resp.GetPayload().GetBody()); got != answer {
		return fmt.Errorf("answer %q", got)
	}
	return nil
}

// listen notes the first answer of onprem after it was healed, when the router
// has taken note of it: the cloud's way back goes on. What the answers to probes
// are, gRPC tells nobody else.
func listen(ctx context.Context, r *balancer.Router, w *watch) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if !w.isHealed() {
			continue
		}
		for _, c := range r.Status().Services[0].Clouds {
			if c.Name == "onprem" && strings.HasPrefix(c.Gate, "hold-down") {
				w.answered()
				return
			}
		}
	}
}
