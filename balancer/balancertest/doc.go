// Package balancertest has clouds in memory that fail on demand, for tests of
// programs that use a router.
//
// # What happens by default
//
// [New] makes clouds of a few endpoints each. They listen nowhere: what stands
// for the network are [Clouds.Base], an HTTP transport for package cloudhttp,
// and [Clouds.Try], a function for [balancer.Do]. Every call and every probe
// is answered well and at once, until a test says otherwise: [Cloud.SetLatency],
// [Cloud.Fail], [Cloud.Silence], [Cloud.Crash], and [Cloud.Restore] when it is
// over. Each endpoint has the same methods for itself. All of them count what
// they were asked and what came of it.
//
//	clouds := balancertest.New(3, "onprem", "gcp")
//	router, err := balancer.New(clouds.Config("routing-api"))
//	...
//	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))}
//	...
//	clouds.Cloud("onprem").Crash()
//
// The router is the one of production: it finds out by itself what has
// happened, and takes its time. In a bubble of [testing/synctest] that time is
// virtual, so a test of a minute's failover takes a moment and its times are
// exact.
//
// # Contract
//
// A fault takes effect at once, also for calls that wait for an answer. Which
// answers fail is not left to chance: of ten answers of an endpoint that fails
// by 0.3, three do. Choices of the router, however, are random.
//
// # Concurrency
//
// All functions may be called by many goroutines. The package starts none and
// leaves nothing to be closed.
//
// # Stability
//
// v0: names and signatures may still change; CHANGELOG.md says how.
package balancertest
