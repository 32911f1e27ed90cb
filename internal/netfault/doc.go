// Package netfault holds tests alone: HTTP and gRPC calls through a router while
// the network, the hosts or the processes of one cloud fail for real, and drills that
// several client processes follow by one config file, of which some are killed.
//
// By default the tests are skipped. They need Linux, root, and the commands ip
// (iproute2), nft (nftables) and nsenter (util-linux); without these they are
// skipped and say why, or fail if CI=true is in the environment:
//
//	go test ./internal/netfault -v -faults
//
// Each cloud is a network namespace of its own, joined to the test's by a veth
// pair, with server processes inside. The test itself runs in a fresh
// namespace, too: it starts itself once more in one. So nothing of the machine's
// own network is touched. Namespaces live as long as their processes, and those
// end when the pipe from the test does, so that nothing stays behind however
// the test ends.
//
// What is promised within a time holds on a machine that runs. A case that fails
// while the test itself or the healthy servers stood still proves nothing, and is
// tried again at a lower rate.
package netfault
