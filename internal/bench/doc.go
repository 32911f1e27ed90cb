// Package bench measures what a request costs through fairlead, beside the bare
// [net/http.Transport], beside the floor of any transport that routes, which is
// a clone of the request with another host, and beside the round trippers of
// failsafe-go and go-retryablehttp. It is a module of its own, so that users of
// fairlead don't get the peers.
//
//	cd internal/bench
//	go test -v -run Overhead                 # the table, and the limits
//	go test -run '^$' -bench Call -cpu 1     # one by one, to profile
//
// The table is measured in one run: the contenders take turns of a millisecond,
// so that what else the machine does falls on all of them, and of the turns the
// faster ones count. Nanoseconds are true of one machine only, ratios of more.
//
// Of gRPC it measures the policy, beside the floor of any picker that learns from
// latency and beside grpc's own policies, all on a channel without connections;
// and whole calls, beside round_robin's.
//
//	go test -v -run Pick                           # CPU time and allocations of a pick
//	go test -v -run Callgrind -callgrind           # its instructions; needs valgrind
//	go test -v -run Unary                          # a call over loopback
//	go test -v -run 'BringUp|Update|Reweigh|Memory' # what endpoints cost
//	go test -run '^$' -bench 'Pick|Unary' -cpu 1   # one by one, to profile
//
// Of telemetry it counts the instructions that metrics add to a pick and its Done,
// and those of reading the metrics of ten services:
//
//	go test -v -run 'TelemetryCost|Collection'     # needs valgrind
//
// Of histograms it measures what one record costs in internal/histogram, HDR,
// DDSketch, t-digest and the OpenTelemetry SDK.
//
//	go test -v -run 'TestRecord$' -strict          # in one run, in turns
//	go test -run '^$' -bench Record -cpu 1,2       # one by one, and on all cores
//
// Instructions are what repeats: the same binary runs twice under callgrind with
// GODEBUG=asyncpreemptoff=1, with different numbers of picks, only the thread that
// picks is counted, and the difference is that of the picks.
//
// Allocations and connections are checked always, times with -strict, on a machine
// with nothing else to do.
package bench
