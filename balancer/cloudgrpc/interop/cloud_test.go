package interop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	v3orcaservice "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/orca"
)

// cloud is one process with gRPC's interop server.
type cloud struct {
	address string
	cmd     *exec.Cmd
}

// newCloud starts a server at a free port.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{address: "127.0.0.1:0"}
	c.start(t)
	t.Cleanup(c.kill)
	return c
}

// start starts the process and returns when it listens.
func (c *cloud) start(t *testing.T) {
	t.Helper()
	c.cmd = process(t, "server", c.address)
	c.cmd.Stderr = os.Stderr
	if _, err := c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server at %s: %v", c.address, err)
	}
	c.address = strings.TrimSpace(address)
}

// kill kills the process and returns when it is gone.
func (c *cloud) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// serve is the process. It writes the address when it listens, and serves until
// its standard input ends.
func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	recorder := orca.NewServerMetricsRecorder()
	loads, err := orca.NewService(orca.ServiceOptions{ServerMetricsProvider: recorder})
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(orca.CallMetricsServerOption(nil))
	v3orcaservice.RegisterOpenRcaServiceServer(server, promptLoads{loads})
	pb.RegisterTestServiceServer(server, interop.NewTestServer(interop.NewTestServerOptions{MetricsRecorder: recorder}))
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the test has gone
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// promptLoads reports as often as it is asked to. The service in it begins with a
// report, and wouldn't send the next one before 30 s.
type promptLoads struct{ *orca.Service }

func (p promptLoads) StreamCoreMetrics(req *v3orcaservice.OrcaLoadReportRequest, stream v3orcaservice.OpenRcaService_StreamCoreMetricsServer) error {
	for {
		ctx, cancel := context.WithTimeout(stream.Context(), req.GetReportInterval().AsDuration())
		err := p.Service.StreamCoreMetrics(req, loadStream{stream, ctx})
		cancel()
		if stream.Context().Err() != nil {
			return err
		}
	}
}

// loadStream is a stream that ends earlier.
type loadStream struct {
	v3orcaservice.OpenRcaService_StreamCoreMetricsServer
	ctx context.Context
}

func (s loadStream) Context() context.Context { return s.ctx }
