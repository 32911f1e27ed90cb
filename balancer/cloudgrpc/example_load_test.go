package cloudgrpc_test

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/orca"

	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
)

// A server tells its load without being called.
func ExampleWithLoadReports() {
	load := orca.NewServerMetricsRecorder()
	load.SetApplicationUtilization(0.8)
	server := grpc.NewServer()
	if err := orca.Register(server, orca.ServiceOptions{ServerMetricsProvider: load}); err != nil {
		panic(err)
	}
	clouds := newNetwork()
	defer clouds.close()
	clouds.start("gcp", server)
	router := clouds.router(clouds.config("routing-api"))
	defer router.Close()
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		cloudgrpc.WithLoadReports(30*time.Second),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	conn.Connect() // or make calls

	for range time.Tick(time.Millisecond) {
		for _, endpoint := range router.Status().Services[0].Clouds[0].Endpoints {
			if !endpoint.Load.At.IsZero() {
				fmt.Println("utilisation", endpoint.Load.Application)
				return
			}
		}
	}
	// Output: utilisation 0.8
}
