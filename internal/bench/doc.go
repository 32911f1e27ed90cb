// Package bench measures what a request costs through fairlead, beside the bare
// [net/http.Transport], beside the floor of any transport that routes, which is
// a clone of the request with another host, and beside the round trippers of
// failsafe-go and go-retryablehttp. It is a module of its own, so that users of
// fairlead don't get the peers.
//
//	cd internal/bench
//	go test -v -run Overhead                 # the table, and the limits
//	go test -run '^$' -bench . -cpu 1        # one by one, to profile
//
// The table is measured in one run: the contenders take turns of a millisecond,
// so that what else the machine does falls on all of them, and of the turns the
// faster ones count. Nanoseconds are true of one machine only, ratios of more.
package bench
