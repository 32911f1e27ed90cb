package cloudgrpc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http/httptest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/sla"
)

// Inside the own network connections are plain, those to gcp are TLS.
func ExampleWithTransportCredentials() {
	certificate, roots := testCertificate() // for example.com
	clouds := newNetwork()
	defer clouds.close()
	for cloud, opts := range map[string][]grpc.ServerOption{
		"onprem": nil,
		"gcp":    {grpc.Creds(credentials.NewServerTLSFromCert(&certificate))},
	} {
		server := grpc.NewServer(opts...)
		pb.RegisterTestServiceServer(server, &exampleServer{cloud: cloud, handler: func(ctx context.Context, cloud string) (string, error) {
			caller, _ := peer.FromContext(ctx)
			return fmt.Sprintf("%s over tls: %v", cloud, caller.AuthInfo != nil && caller.AuthInfo.AuthType() == "tls"), nil
		}})
		clouds.start(cloud, server)
	}
	cfg := clouds.config("routing-api")
	gcp := cfg.Services["routing-api"].Clouds["gcp"]
	gcp.ServerName = "example.com" // what its certificate must name
	cfg.Services["routing-api"].Clouds["gcp"] = gcp
	cfg.Tiers = []sla.Tier{
		{Name: "home", Clouds: sla.Clouds{Only: []string{"onprem"}}},
		{Name: "away", Clouds: sla.Clouds{Only: []string{"gcp"}}},
	}
	router := clouds.router(cfg)
	defer router.Close()

	plain, secure := insecure.NewCredentials(), credentials.NewTLS(&tls.Config{RootCAs: roots})
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		cloudgrpc.WithTransportCredentials(func(cloud string) credentials.TransportCredentials {
			if cloud == "onprem" {
				return plain
			}
			return secure
		}),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	for _, tier := range []string{"home", "away"} {
		answer, err := pb.NewTestServiceClient(conn).UnaryCall(sla.WithTier(context.Background(), tier), &pb.SimpleRequest{})
		fmt.Println(answer.GetServerId(), err)
	}
	// Output:
	// onprem over tls: false <nil>
	// gcp over tls: true <nil>
}

// testCertificate returns a certificate and what it is to be checked against.
func testCertificate() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}

// Each cloud has its own token, attached when the cloud is known.
func ExampleWithToken() {
	clouds := serve(func(ctx context.Context, cloud string) (string, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		return fmt.Sprint(cloud, " got ", md["authorization"]), nil
	}, "onprem", "gcp")
	defer clouds.close()
	cfg := clouds.config("routing-api")
	cfg.Tiers = []sla.Tier{
		{Name: "home", Clouds: sla.Clouds{Only: []string{"onprem"}}},
		{Name: "away", Clouds: sla.Clouds{Only: []string{"gcp"}}},
	}
	router := clouds.router(cfg)
	defer router.Close()

	tokens := map[string]string{"onprem": "token for onprem", "gcp": "token for gcp"}
	conn, err := cloudgrpc.NewClient(router, "routing-api",
		cloudgrpc.WithToken(func(_ context.Context, at balancer.Attempt) (map[string]string, error) {
			return map[string]string{"authorization": "Bearer " + tokens[at.Cloud()]}, nil
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(clouds.dial))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	for _, tier := range []string{"home", "away"} {
		answer, err := pb.NewTestServiceClient(conn).UnaryCall(sla.WithTier(context.Background(), tier), &pb.SimpleRequest{})
		fmt.Println(answer.GetServerId(), err)
	}
	// Output:
	// onprem got [Bearer token for onprem] <nil>
	// gcp got [Bearer token for gcp] <nil>
}
