// Package cloudgrpc lets gRPC clients reach the services of a router, in
// whichever cloud is best for each call.
//
// By default every call goes through the router: it is classed into a tier,
// gets the tier's deadline, is sent to a cloud by the plan's shares and to an
// endpoint there by power of two choices, and is tried again elsewhere if that
// fails and may be done, within the tier's attempts and the service's retry
// budget. HTTP and gRPC share one mind; what is known of a cloud is kept for
// each of them apart.
//
//	conn, err := cloudgrpc.NewClient(router, "routing-api", grpc.WithTransportCredentials(creds))
//	client := pb.NewRoutingClient(conn)
//
// # Which calls are tried again
//
// One of which nothing was sent, or that its server pushed back, always. One that
// may have been carried out only if that may happen twice: if the method's
// protobuf option idempotency_level says so, [WithIdempotentMethods] or the
// call's context ([WithIdempotent]). Otherwise its error says that its fate is
// unknown ([balancer.ErrAmbiguous]). Transparent retries of gRPC stay. A retry
// policy of a service config ([WithServiceConfig]) works, too: its attempts are
// paid from the retry budget and leave the failed cloud, and the router adds none.
// If a server fails with a pushback that is negative, it forbids retries (gRFC A6),
// and there is none: it may have carried out a part of the call.
//
// A unary call that may happen twice is hedged if its tier is ([sla.Tier.Hedge]):
// interceptors that are chained after these then see two attempts at a time. The
// second one has a copy of the message and decodes into one of its own; answer,
// header, trailer and peer that the caller sees are those of the winner. Messages
// that aren't protobuf's can't be copied, and such calls are not hedged.
//
// A stream is tried again as long as the server has sent no headers (gRFC A6)
// and what the caller has sent can be sent again: the one message of a stream of
// answers always, else up to 64 KiB. A tier's timeout doesn't end streams.
//
// # What an outcome means
//
// Statuses that answer the caller's question, such as NOT_FOUND, are successes of
// the cloud, and so is RESOURCE_EXHAUSTED, a customer's quota. UNKNOWN, INTERNAL,
// UNAVAILABLE and DATA_LOSS are its failures. UNAVAILABLE and RESOURCE_EXHAUSTED
// with pushback (grpc-retry-pushback-ms) mean "too much", not "sick". What the
// caller cancels, or what gRPC refuses before it is sent, says nothing.
//
// Errors of calls that fail for the cloud are a [*balancer.CallError], found with
// errors.As, that names every attempt and how each cloud stands; status.Code and
// the details are those of the last attempt. A server's answer is returned as it
// is.
//
// # Servers
//
// Servers are told the call's tier and level, and the number of the attempt, if the
// config has more than one tier or the context gives one (package sla): none of it
// is secret, and it goes to all clouds. What the caller's own metadata says of them
// isn't sent. [ServerOptions] is the other end: it restores the class for the calls
// that a handler makes, drops what is too late, and refuses the least critical calls
// first when there are too many.
//
// # Connections
//
// Each endpoint has a connection, also in a standby cloud, kept by a pick_first
// policy of its own. An endpoint without a connection is passed over as long as
// another has one; a fail-fast call fails once none can be had, one that is
// WaitForReady, by an option or the service config, waits. The subset of a
// [balancer.Service] bounds how many connections a large one takes.
//
// Probes ask grpc.health.v1 over these connections, so that one whose other end
// has gone without a word is found and replaced; besides, the server's health is
// watched, and a server that doesn't serve gets no call. One without that service
// serves. While a cloud is down each probe makes a new connection at once,
// whatever gRPC's backoff says.
//
// Load reports (ORCA, gRFC A51) are kept for each endpoint: those that come with
// answers always, those out of band with [WithLoadReports].
//
// What the router knows outlives all connections, which gRPC gives up after half
// an hour without a call. The next call connects again, and only then can a silent
// cloud be found to be back.
//
// # Credentials
//
// [WithTransportCredentials] has the transport credentials of each cloud, and
// [WithToken] what is attached to each attempt for its cloud alone. Metadata of
// the caller that holds secrets ([balancer.Config].Sensitive) and credentials
// among a call's options are sent to trusted clouds only. Those of
// [grpc.WithPerRPCCredentials] go everywhere: gRPC shows them to nobody.
//
// The authority, and the name that certificates must hold, is the endpoint's host
// or the config's serverName; [grpc.WithAuthority] overrules both. No proxy is
// taken from the environment.
//
// # In company
//
// grpc's own OpenTelemetry plugin (google.golang.org/grpc/stats/opentelemetry) stands
// beside this package: its grpc.client.* figures and spans are of attempts as gRPC
// makes them. A stats handler such as otelgrpc's has rpc.client.*. The router's
// figures are fairlead.* (see [balancer.WithMeterProvider]), and measure nothing
// twice.
//
//	opts := append(cloudgrpc.DialOptions(router), opentelemetry.DialOption(options))
//	conn, err := grpc.NewClient("fairlead:///routing-api", opts...)
//
// A span in the context of a call tells cloud, tier, the number of attempts and the
// reason of the choice, and each attempt's context holds the attempt's own span with
// [balancer.WithTracerProvider].
//
// # Concurrency
//
// Everything may be used by any number of goroutines. A ClientConn has a goroutine
// for its resolver and, for each connection, one that watches the server's health,
// beside gRPC's own; Close ends them. ClientConns and the router may be closed in
// any order; a call after the router's Close fails with [balancer.ErrClosed].
//
// # Stability
//
// v0: this package may change, not least because it is the one that touches the
// experimental balancer and resolver API of grpc.
package cloudgrpc
