// Package sim simulates clients, networks and servers in virtual time, with
// the production code making all decisions.
//
// By default a [Scenario] has one client, which calls one service with one
// protected tier; each cloud has ten endpoints 0.5 ms away that answer in about
// 10 ms. [Run] lets clients call for as long as the scenario says, strikes with
// its [Fault] list, and returns what callers saw, what was sent where, and what
// the routers said about it.
//
//	r, err := sim.Run(sim.Scenario{
//		Seed: 1, Duration: time.Minute, Rate: 1000,
//		Clouds: []sim.Cloud{{Name: "onprem", Weight: 70}, {Name: "gcp", Weight: 30}},
//		Faults: []sim.Fault{{Kind: sim.Freeze, Cloud: "onprem", From: 20 * time.Second}},
//	})
//
// # What is real
//
// Each client is a balancer.Router, made with balancer.Simulated: picking,
// detection, planning, re-admission, probe scheduling and the retry budget are
// those of production. Only the loop around attempts is written anew, because
// balancer.Do waits where a simulation sets an event; call.go makes the same
// decisions in the same order with the functions that Do uses. One difference
// remains: the budget pays for a retry after the wait before it, not before the
// wait.
//
// What is simulated: calls come as a Poisson process. A message takes a random
// time one way. A server has workers and a first-come-first-served queue, and
// goes on working for callers that gave up. Connections, TLS and bodies don't
// exist; a refused connection costs a round trip. Probes need no worker, so
// that a server which fails or delays calls still answers them.
//
// # Load
//
// Scenario.Demand is the rate of calls over time, Tier.Parts the mix of tiers,
// Tier.Customers a set of callers whose levels all clients agree on, and
// Scenario.Groups clients that come and go. What a cloud really carries
// (Cloud.Carries, which Cloud.Growth or an [Autoscaler] changes) and what clients
// are told of it (Cloud.Capacity, Cloud.Ceiling, Scenario.Instances) are set apart,
// so that a config may be wrong. Servers may report their load, push back by tier,
// say when to come again, and drop what is too late.
//
// A call for which Router.Pick returns an sla.ShedError is shed, and no failure.
//
// A [Result] has totals, [Sample] values second by second, and finer [Series]
// unless the scenario is long; [Result.Between] sums samples up.
//
// # Determinism
//
// A simulation has no goroutine and reads no clock: events run in the order of
// their time, and the seed decides what is left to chance. The same scenario
// and seed give the same result. Different simulations may run at the same
// time.
//
// # Tests
//
// The tests of this package are the promises that need many clients, long
// times or many repetitions. They run a few seeds each by default, and fewer
// under the race detector.
//
//	go test ./internal/sim                                      # seconds
//	go test ./internal/sim -run TimeToSee -v -sim.times=20      # the table below
//	go test ./internal/sim -run NoFalseAlarm -v -sim.calls=1e8  # minutes
//	go test ./internal/sim -run Flapping -sim.seed=7            # a seed that failed
//	go test ./internal/sim -run '^$' -bench .                   # virtual seconds per second
//
// The time from a fault of a whole cloud until its router says so, by how many
// calls per second go into the cloud; clouds have 2 to 50 endpoints:
//
//	                       20/s            200/s          2,000/s
//	runs                   1,200           600            240
//	                     p50    p99      p50    p99      p50    p99
//	total loss         255ms  587ms     49ms  103ms     27ms   54ms
//	silence            270ms  592ms    162ms  195ms    134ms  162ms
//	30 % errors         1.1s   3.9s    181ms  458ms     69ms  129ms
//	ten times slower    1.2s   2.2s    316ms  505ms    195ms  291ms
//
// With one answer in a hundred an error, 10⁸ calls at each of 100, 1,000 and
// 10,000 per second changed no cloud's state.
//
// The package is internal and may change at any time.
package sim
