// Package cloudhttp sends HTTP requests through a router: it is an
// [http.RoundTripper] for [http.Client] and whatever else takes one.
//
// # What happens by default
//
//	client := &http.Client{Transport: cloudhttp.NewTransport(router)}
//	resp, err := client.Get("http://routing-api/v1/route?from=…")
//
// The host of the URL names a service of the router's config. The router picks
// a cloud and one of its endpoints, and the request goes to that endpoint's
// address, with the endpoint's configured host as its Host header and TLS name
// and the endpoint's path before its own. Tier and caller are those of the
// request's context (package sla); rules see the method and the path, such as
// "GET /v1/route". A host that is no service is called as [http.Transport]
// would, so that one client does for everything; [Strict] refuses it.
//
// If the attempt fails, another is made elsewhere, as [balancer.Do] describes:
// always if the request was certainly not carried out (no connection, or 503
// with Retry-After); otherwise if it may be carried out twice. These are GET,
// HEAD, OPTIONS, TRACE, PUT, DELETE (RFC 9110, section 9.2.2), requests with
// a header Idempotency-Key, and those whose context says so: [WithIdempotent].
// Of any other that was sent and not answered nobody knows what became of it:
// its error is [balancer.ErrAmbiguous]. Until it has got a connection it isn't
// sent: while an endpoint doesn't answer a dial it is given up there, as a GET
// would be, and sent elsewhere.
//
// A request that may be carried out twice, and whose body can be sent again, is
// hedged if its tier is ([sla.Tier.Hedge]): when its answer takes unusually long it
// is sent elsewhere, too, and the first good answer is the response. Base
// transports, the hook of [WithSign] and those of [net/http/httptrace] are then
// called for two attempts at a time, GetBody never by two goroutines. Requests with
// trailers, and those that ask for another protocol, are not hedged.
//
// A body is sent again if the request has GetBody, which [http.NewRequest] sets
// for bytes and strings, or if ContentLength says that it has at most 64 KiB:
// then it is first read into memory. Any other body is sent once, as it comes;
// such a request is tried again only as long as nothing has been read of it.
// Over HTTP/1, as with [http.Transport], RoundTrip doesn't return while a Read of
// the body is blocked, not even when the context has ended: whoever writes into
// an [io.Pipe] should close it then.
//
// # Time
//
// Bound calls by their context or by the timeout of their tier, which covers
// all attempts and the body of the answer. Leave [http.Client.Timeout] unset:
// over any RoundTripper but http.Transport it costs a goroutine and about 18
// allocations per call. Streams belong in a tier without a timeout;
// [WithStallTimeout] bounds the silence in them. A connection that has switched
// protocols (101) outlives the timeout of its tier. When its cloud is drained it has
// the grace of any attempt; then it is closed, and who reads or writes gets a
// [*balancer.DrainedError].
//
// Servers are told how much time is left, less 5 % and at most 5 ms for the way back
// of the answer, in whole milliseconds ([sla.TimeoutHeader]); an attempt with less than
// one of them left isn't sent. They are told the call's tier and level, and the number
// of the attempt, if the config has more than one tier or the context gives one: none
// of it is secret, and it goes to all clouds. What the request itself says in these
// headers isn't sent. [Middleware] is the other end. A failure that comes when the
// server's time is over doesn't speak against it if a caller's own deadline was shorter
// than answers usually take.
//
// # What counts as what
//
// Answers below 500 are good: a caller's mistake is no fault of the cloud, and
// 429 is a customer's quota. So are 501 and 505. Other answers from 500 on are
// failures, but for a 503 with Retry-After, by which a well server says that it
// has too much to do. A request without an answer speaks against the endpoint
// unless the caller gave up early, the request itself was at fault, or this
// machine has no file descriptors left. An answer that breaks off, or stops,
// before its body is whole counts as bad although its header was good.
//
// The last answer is a response, whatever its status. An error of the
// transport is a [*balancer.CallError] for nearly all causes; it is found with
// [errors.As] also through [http.Client], as are [net.Error],
// [context.Canceled] and the error of the last attempt.
//
// # Secrets
//
// Clouds belong to trust groups, by default all to one: see
// [balancer.Cloud.Trust]. Where there are several, the caller's sensitive
// headers (Authorization, Cookie, X-Api-Key and others: see
// [balancer.Config.Sensitive]) go to clouds of one group only, that which the
// service names in [balancer.Service.Trust], or to none if it names none, and
// cookies set by other clouds are dropped. What is for one cloud alone is
// attached by [WithSign], when the cloud is known, and stays there. A request
// that a redirect has taken to another host loses its sensitive headers as well,
// also those that [http.Client] would keep.
//
// No connection is made to link-local, unspecified and multicast addresses, nor to the
// others at which AWS, Google Cloud, Oracle and Alibaba give their machines credentials,
// whatever name led there; with [DenyLoopback] none to loopback either. A proxy
// hides addresses from this guard. None is taken from the environment; one can
// be set by [WithBase].
//
// # Contract
//
// The request isn't changed and its body is closed on every path. The attempt
// occupies its endpoint until the response's body was read to its end or
// closed. A response must be closed, as with any transport. Trailers, interim
// answers, Expect: 100-continue, [net/http/httptrace] (whose hooks see every
// attempt) and streams in both directions work as with [http.Transport].
//
// Every cloud has its own [http.Transport] for each name that TLS certificates
// must have: connections, TLS sessions and certificates are never shared
// between clouds. They speak HTTP/2 where the server does or the endpoint's
// scheme is h2c, take headers of up to 1 MiB, and keep up to 256 idle
// connections for each endpoint. [WithTLS] and [WithBase] change them.
//
// [NewTransport] makes the router probe over HTTP. A probe is a GET of
// health.probe.path on the connections that calls use, too; an answer below 500
// within health.probe.timeout is good. Probes carry no credentials.
//
// Redirects are left to the client. A relative Location stays with the service,
// an absolute one goes where it says: to a service if its host names one, else
// to that host, and not to the cloud that sent it.
//
// # In company
//
// otelhttp goes around this transport to have a span per call, which every
// attempt then belongs to, and into [WithBase] to have one per attempt. Its filter
// can leave out probes: see [ProbeUserAgent].
//
//	otelhttp.NewTransport(cloudhttp.NewTransport(router))
//
// Its span then also tells tier, cloud, the number of attempts and the reason of the
// choice, with an event for each attempt. Its metrics are http.client.*, of requests
// as any client has them; those of the router are fairlead.* (see
// [balancer.WithMeterProvider]), and measure nothing twice.
//
// [net/http/httputil.ReverseProxy] takes it as its Transport; the proxy's
// Rewrite sets the URL's host to the service. Incoming POSTs have no GetBody,
// and are repeated only up to 64 KiB.
//
// A Connect client takes an http.Client with it and "http://" and the service
// as its base URL. Unary calls of procedures without side effects can be sent by
// GET or with [WithIdempotent]; streams in both directions need endpoints with
// https or h2c. A stream that is reset before its header came ends as
// unavailable, whatever the code of the reset: Connect reads that off the text
// of net/http's error.
//
// An S3 client takes it as its transport, with the service as its endpoint.
// Signatures cover the Host header, so its clouds need host: caller, and servers
// that know the service's name as theirs; or [WithSign] signs each attempt.
//
// # Concurrency
//
// A Transport may be used by any number of goroutines. It starts none of its
// own but those of its connections, which end with
// [Transport.CloseIdleConnections] when no request is using them.
//
// # Stability
//
// v0: names and signatures may still change; CHANGELOG.md says how.
package cloudhttp
