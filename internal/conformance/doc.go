// Command conformance is a client for the Connect conformance suite
// (connectrpc.com/conformance) whose calls go through fairlead: those of
// Connect's own client through its HTTP transport or, with -grpc, those of
// grpc-go. The suite's runner starts it, writes test cases to its standard input,
// and reads what came of each from its standard output. The suite has 4,618 cases
// for a client over HTTP: Connect, gRPC and gRPC-Web over HTTP/1.1, HTTP/2 and
// h2c, with and without TLS, every kind of stream, cancellation and timeouts. It
// has 646 for one of grpc-go, which itself fails 8 of them.
//
// All of them run twice in
//
//	cd internal/conformance && go test ./...
//
// once with two healthy clouds, and once with a cloud first that refuses every
// connection (-refusing), with a new router for each case. A single case runs with
//
//	go build -o /tmp/client . && go tool connectconformance --mode client --port 0 --trace \
//		--run 'Basic/**/unary/success' -- /tmp/client -refusing
//
// The module is one of its own, so that nothing here becomes a dependency of
// the library's users.
package main

//go:generate go run ./generate
