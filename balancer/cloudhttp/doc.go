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
// "GET /v1/route".
//
// If the attempt fails, another is made elsewhere, as [balancer.Do] describes:
// always if the request was certainly not carried out (no connection, or 503
// with Retry-After); otherwise if it may be carried out twice. These are GET,
// HEAD, OPTIONS, TRACE, PUT, DELETE (RFC 9110, section 9.2.2) and requests with
// a header Idempotency-Key.
//
// A body is sent again if the request has GetBody, which [http.NewRequest] sets
// for bytes and strings, or if ContentLength says that it has at most 64 KiB:
// then it is first read into memory. Any other body is sent once; such a
// request is tried again only as long as nothing has been read of it.
//
// # What counts as what
//
// Answers below 500 are good: a caller's mistake is no fault of the cloud, and
// 429 is a customer's quota. So are 501 and 505. Other answers from 500 on are
// failures, but for a 503 with Retry-After, by which a well server says that it
// has too much to do. A request without an answer speaks against the endpoint
// unless the caller gave up early or the request itself was at fault. An answer
// that breaks off, or stops, before its body is whole counts as bad although
// its header was good.
//
// The last answer is a response, whatever its status. An error of the
// transport is a [*balancer.CallError] for nearly all causes; it is found with
// [errors.As] also through [http.Client], as are [context.Canceled] and
// timeouts.
//
// # Contract
//
// The request isn't changed and its body is closed on every path. The attempt
// occupies its endpoint until the response's body was read to its end or
// closed, and the tier's timeout covers the body. A response must be closed, as
// with any transport.
//
// Every cloud has its own [http.Transport] for each name that TLS certificates
// must have: connections, TLS sessions and certificates are never shared
// between clouds. They speak HTTP/2 where the server does, use no proxy, and
// keep up to 256 idle connections for each endpoint. [WithBase] changes them.
// The caller's headers, credentials included, go to whichever cloud is picked.
//
// [NewTransport] makes the router probe over HTTP. A probe is a GET of
// health.probe.path on the connections that calls use, too; an answer below 500
// within health.probe.timeout is good.
//
// A redirect is followed by [http.Client] if its Location is relative. An
// absolute one names a host that is no service. Bodies that switch protocols
// (101) can be written to, as with [http.Transport].
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
