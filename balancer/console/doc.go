// Package console has a page that shows what a router does, and why: for the
// person who is called at three in the morning. It is an [http.Handler], and all
// it can do is to be read.
//
// # What happens by default
//
// [Handler] makes it; the program mounts it under whatever path it likes, as long
// as that ends with a slash:
//
//	mux.Handle("/debug/fairlead/", console.Handler(router))
//
// Who can reach the path may look. What is shown names hosts, customers that were
// asked for and errors of other systems, so mount it where only operators get to,
// or give it an authorizer: see [WithAuthorizer].
//
// # Views
//
// Each is a page, and with ?format=json a document whose fields stay what they are:
//
//	./                                overview: [Overview]
//	service?name=…&protocol=…         one service, with its shares of 15 minutes: [Service]
//	endpoints?name=…&protocol=…       its endpoints: [Endpoints]
//	changes                           drains, shifts and drills, with reports: [Changes]
//	events                            the last 256 events: [Events]
//	config                            the config in force: [Config]
//	explain?service=…&tier=…&product=…&customer=…&method=…
//	                                  where such a call would go now: [balancer.Explanation]
//
// explain takes the call for idempotent. A protocol may be left out. Errors are
// plain text, or {"error": …} of explain: 400 for a question that can't be
// understood, 404 for what isn't there, 405 for methods other than GET and HEAD.
//
//	curl -s localhost:8080/debug/fairlead/?format=json | jq .headline
//	curl -s localhost:8080/debug/fairlead/changes?format=json | jq '.changes[].report.outcome'
//	curl -s localhost:8080/debug/fairlead/explain?format=json\&service=routing-api | jq .clouds
//
// The headline says what a change has to do with how things are: that a drill is
// running or a shift under way, and for an hour that a change was aborted or
// refused, or that a drill proved nothing.
//
// events is also a stream of server-sent events, for who accepts text/event-stream
// or asks for ?format=sse. An event "change" is an [Event], and has its number as
// id: a client that comes back with Last-Event-ID gets those that it missed, as far
// as they are kept. An event "overview" is an [Overview], once per second.
//
//	curl -sN localhost:8080/debug/fairlead/events?format=sse
//
// Pages follow a stream of their own. Without scripts they load themselves again
// every 5 s.
//
// # Contract
//
// Nothing is computed and no goroutine runs while nobody looks; what the router
// keeps for the charts is bounded by the config, see [balancer.Router.History]. While
// somebody does, one goroutine takes one snapshot per second and renders each view
// that is looked at once, for all its viewers. There may be 256 streams at a time;
// more get 503. A viewer that doesn't read for 5 s is dropped, and a stream ends
// after 5 minutes, when the router is closed, or when its server shuts down. Views
// that aren't streams may be 1 s old, except explain.
//
// Pages load nothing but what the handler itself serves, and have neither scripts
// nor styles in line: the Content-Security-Policy allows neither. No cookie is set.
// Whatever comes from outside is shown as text, control characters as their number.
// Paths count in one spelling only: others get 404.
//
// # Concurrency
//
// A handler may serve any number of requests at a time. It takes the router's lock
// for a moment once per second, and never that of a call, which has none.
//
// # Stability
//
// v0: names may still change; CHANGELOG.md says how. JSON fields stay, new ones may
// come.
package console
