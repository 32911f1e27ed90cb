package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudgrpc"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
	"github.com/fairlead-go/fairlead/sla"
)

// service is the name under which test cases call the suite's server.
const service = "conformance"

// server is what one of the suite's servers speaks, and where.
type server struct {
	http        pb.HTTPVersion
	address     string
	certificate string // PEM; empty without TLS
	clientCert  string // PEM; empty if it wants none
	clientKey   string
}

func serverOf(test *pb.ClientCompatRequest) server {
	return server{
		http:        test.HttpVersion,
		address:     net.JoinHostPort(test.Host, strconv.Itoa(int(test.Port))),
		certificate: string(test.ServerTlsCert),
		clientCert:  string(test.ClientTlsCreds.GetCert()),
		clientKey:   string(test.ClientTlsCreds.GetKey()),
	}
}

// scheme returns that of the caller's URL.
func (s server) scheme() string {
	if s.certificate == "" {
		return "http"
	}
	return "https"
}

// endpoint returns the URL of the server at an address. Over TLS both sides
// agree on HTTP/1.1 or HTTP/2, without it the config has to say.
func (s server) endpoint(address string) string {
	scheme := s.scheme()
	if scheme == "http" && s.http == pb.HTTPVersion_HTTP_VERSION_2 {
		scheme = "h2c"
	}
	return scheme + "://" + address
}

// tls returns the TLS config for the server, nil if it speaks none.
func (s server) tls() (*tls.Config, error) {
	if s.certificate == "" {
		return nil, nil
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM([]byte(s.certificate)) {
		return nil, errors.New("the server's certificate can't be read")
	}
	if s.clientCert != "" {
		own, err := tls.X509KeyPair([]byte(s.clientCert), []byte(s.clientKey))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// connection is a router to a server, with what makes calls through it.
type connection struct {
	router *balancer.Router
	http   *cloudhttp.Transport // or
	grpc   *grpc.ClientConn
}

// connector makes a connection to a server that is thought to run in each cloud
// at the address given.
type connector func(s server, clouds map[string]string, tier sla.Tier, trace balancer.Trace) (*connection, error)

// router returns a router for clouds of which each has an endpoint.
func (s server) router(clouds map[string]balancer.ServiceCloud, tier sla.Tier, trace balancer.Trace) (*balancer.Router, error) {
	cfg := &balancer.Config{
		Clouds:   make(map[string]balancer.Cloud),
		Services: map[string]balancer.Service{service: {Clouds: clouds}},
		Tiers:    []sla.Tier{tier},
	}
	for name := range clouds {
		cfg.Clouds[name] = balancer.Cloud{}
	}
	return balancer.New(cfg, balancer.WithTrace(trace))
}

func connectHTTP(s server, clouds map[string]string, tier sla.Tier, trace balancer.Trace) (*connection, error) {
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	runs := make(map[string]balancer.ServiceCloud)
	for cloud, address := range clouds {
		runs[cloud] = balancer.ServiceCloud{HTTP: []string{s.endpoint(address)}}
	}
	router, err := s.router(runs, tier, trace)
	if err != nil {
		return nil, err
	}
	transport := cloudhttp.NewTransport(router, cloudhttp.WithTLS(func(string) *tls.Config { return config }))
	return &connection{router: router, http: transport}, nil
}

func connectGRPC(s server, clouds map[string]string, tier sla.Tier, trace balancer.Trace) (*connection, error) {
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	secure := insecure.NewCredentials()
	if config != nil {
		secure = credentials.NewTLS(config)
	}
	runs := make(map[string]balancer.ServiceCloud)
	for cloud, address := range clouds {
		runs[cloud] = balancer.ServiceCloud{GRPC: []string{address}}
	}
	router, err := s.router(runs, tier, trace)
	if err != nil {
		return nil, err
	}
	conn, err := cloudgrpc.NewClient(router, service, grpc.WithTransportCredentials(secure))
	if err != nil {
		router.Close()
		return nil, err
	}
	return &connection{router: router, grpc: conn}, nil
}

func (c *connection) close() {
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	if c.grpc != nil {
		c.grpc.Close()
	}
	c.router.Close()
}
