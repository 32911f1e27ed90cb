// Package fairlead documents the module; there is nothing in it to call.
//
// fairlead is a library for multi-cloud routing. A service imports it and then
// decides by itself, for each call it makes, which cloud and which endpoint
// serve the call: by weight, health and the call's SLA tier. When a cloud dies,
// calls that may be repeated succeed in another one, and within a second no
// call goes to the dead one. There is no gateway to run, scale or lose.
//
// # HTTP
//
//	cfg, err := balancer.Load("fairlead.yaml")
//	if err != nil {
//		log.Fatal(err)
//	}
//	router, err := balancer.New(cfg, balancer.WithLogger(slog.Default()))
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer router.Close()
//	client := &http.Client{Transport: cloudhttp.NewTransport(router)}
//	resp, err := client.Get("http://routing-api/v1/route")
//
// The URL's host names a service of the config:
//
//	version: 1
//	clouds:
//	  onprem: {weight: 70}
//	  gcp:    {weight: 30}
//	services:
//	  routing-api:
//	    clouds:
//	      onprem:
//	        http: [http://10.1.0.11:8080, http://10.1.0.12:8080]
//	        grpc: [10.1.0.11:9090, 10.1.0.12:9090]
//	      gcp:
//	        http: [https://routing.gcp.example.com]
//	        grpc: [dns:///routing.gcp.example.com:443]
//
// # gRPC
//
// With the same config and router:
//
//	conn, err := cloudgrpc.NewClient(router, "routing-api", grpc.WithTransportCredentials(creds))
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer conn.Close()
//	client := routingpb.NewRoutingClient(conn)
//	route, err := client.Route(ctx, &routingpb.RouteRequest{From: "…"})
//
// or, in parts, [google.golang.org/grpc.NewClient] with the target
// fairlead:///routing-api and cloudgrpc.DialOptions(router).
//
// # Tiers
//
// The context of a call names its tier, or says for whom the call is, and rules of
// the config choose. Without either it is of the default tier.
//
//	ctx = sla.WithTier(ctx, "critical")
//	ctx = sla.WithCaller(ctx, sla.Caller{Product: "dispatch", Customer: "acme"})
//
// # Other protocols
//
//	v, err := balancer.Do(ctx, router, balancer.Call{Service: "routing-api", Idempotent: true},
//		func(ctx context.Context, at balancer.Attempt) (Route, health.Outcome, error) {
//			return ask(ctx, at.Endpoint().Address)
//		}, nil)
//
// # Packages
//
//   - sla: whom a call is for, what it was promised and what it got: tiers,
//     assignment, levels, contracts, error budgets, burn rates.
//   - health: what is known of endpoints and clouds: outcomes, detectors,
//     states, probes.
//   - failover: what follows: the plan, its limits, re-admission, the retry
//     budget, drains, shifts and drills.
//   - failover/fairleadctl: the operator's command: checks a config, tells what a
//     loss would mean, writes drains and drills into it.
//   - balancer: the engine: Config, Router, Do, Pick, Status.
//   - balancer/cloudhttp: the http.RoundTripper.
//   - balancer/cloudgrpc: the resolver, policy and interceptors for gRPC.
//   - balancer/console: the status page, an http.Handler.
//   - balancer/balancertest: clouds in memory that fail on demand, for your own
//     tests.
//
// Imports go one way: sla and health, failover, balancer, adapters.
//
// # Stability
//
// The module is at v0: interfaces may change with any minor version, and
// CHANGELOG.md says how.
package fairlead
