// Package health knows how the endpoints and clouds of a service are, from the
// outcomes of its calls and from probes.
//
// By default a cloud is down when more than about 15 % of its calls end badly
// for a while, or when it stops answering; it is degraded when one answer in ten
// is bad or much slower than usual there; and single endpoints that fail are
// ejected for 5 s and more, at most half of a cloud. What calls say counts; probes decide where
// there are no calls. Nobody has to set a threshold.
//
// # What is watched
//
// A [Target] is one service in one cloud, an [Endpoint] one address of it.
// Adapters report what became of each attempt as an [Outcome]. A sweep every
// 50 ms turns what was reported into changes of [State], each with its reason:
//
//   - Failing: a CUSUM of the evidence for 50 % bad outcomes against 1 %, with a
//     false alarm at most once in 30 days. An endpoint's voice is limited, and
//     one that alone has most of the evidence against it is ejected instead.
//   - Silent: three attempts, begun since the last answer, have waited for
//     longer than 100 ms and four times the 90th percentile. A caller that gives
//     up early and a refused connection are no silence. This holds for endpoints,
//     and for the target if the attempts went to more than one.
//   - Degraded: the part of the outcomes that are good and in time is under 90 %
//     of that of the best cloud, until it is over 95 %. In time means within the
//     tier's objective, and within four times what is usual for the target
//     itself: a cloud that is simply farther away is healthy.
//   - Endpoints: ejected for bad attempts in a row, for a success rate far below
//     that of the others (gRFC A50), for silence, or for bad probes without
//     calls. They return when their time is over and probes agree, after timeouts
//     as soon as enough of these do, with a small weight at first.
//   - Probes: when most endpoints of a target without calls fail theirs, the
//     target is down.
//
// A target that is down stays so until Recover: [Target.Answered] says when
// there is reason to, and [Target.Answers] how the recovery goes.
// [Correlation] tells the fall of all clouds at once from that of one, and
// [Schedule] decides when to probe which endpoint.
//
// # How soon
//
// Simulated, with ten endpoints of equal share, answers within 15 ms in the
// median and 25 ms at the 90th percentile, and 1 % errors; times from the fault
// until the target is down (when slower: degraded), median / 99th percentile of
// 1,000 trials:
//
//	                       20 calls/s        200 calls/s      2,000 calls/s
//	connections refused    259 / 633 ms       71 / 122 ms       42 /  70 ms
//	silence                305 / 612 ms      200 / 263 ms      182 / 209 ms
//	30 % errors            1.2 / 4.4 s       222 / 559 ms       94 / 161 ms
//	ten times slower       0.9 / 1.7 s       368 / 478 ms      352 / 425 ms
//
// With 1 % errors and nothing else wrong, 10⁸ simulated calls at each rate
// brought no target down and ejected no endpoint:
//
//	                        100 calls/s      1,000 calls/s     10,000 calls/s
//	simulated time            277.8 h             27.8 h              2.8 h
//	false alarms                    0                  0                  0
//	bound for their mean         0.39              0.039             0.0039
//
// The bound is Lorden's for a CUSUM: at most one alarm in e^h calls for a
// threshold h, here ln(calls in 30 days). TestTimeToDetect and TestNoFalseAlarms
// print these tables; -health.trials and -health.calls set their size.
//
// Where more errors than that are usual chance comes nearer to half of them: with
// 2 % no target went down in a million calls, with 5 % each did about once an hour
// at 20 to 100 calls/s, and with 10 % every minute. It is back as soon as it is seen
// to be well.
//
// # Contract
//
// Each attempt makes one call of Begin, one of Record and one of End, each probe
// one of Probed. If an answer breaks off after Record was told that it is good,
// one of Spoiled follows. Time is an argument everywhere: monotonic time since an epoch of
// the caller's choice. Nothing here reads a clock to decide, starts a goroutine,
// logs, or waits.
//
// # Concurrency
//
// Attempts and probes are reported by any goroutine, without locks, by atomic
// operations on the endpoint's own cache lines and in the histogram of the
// tier; without allocations too, unless the reason of a failure is a new one.
// What sweeps, configures, schedules and asks for windows is one goroutine at a
// time. Each method says to which kind it belongs.
//
// # Stability
//
// This is version 0: names and signatures may change.
package health
