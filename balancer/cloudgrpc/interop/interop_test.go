// Package interop_test runs the interop cases of gRPC through fairlead:/// against
// gRPC's interop server in two clouds, each of which is a process. Nothing imports
// the package, so that what gRPC's cases need, such as OAuth, is no concern of
// those who import cloudgrpc.
package interop_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// partVariable tells the test's own program, started again, which part to play.
const partVariable = "CLOUDGRPC_INTEROP"

// A process that runs cases ends with an error if it leaves a goroutine behind.
func TestMain(m *testing.M) {
	flag.Parse()
	switch os.Getenv(partVariable) {
	case "server":
		serve(flag.Arg(0))
	case "case":
		check(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	case "loop":
		repeat(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	default:
		goleak.VerifyTestMain(m)
	}
}

// Each case (doc/interop-test-descriptions.md in grpc/grpc) runs in a process of
// its own, because one that fails ends its process.
func TestInterop(t *testing.T) {
	a, b := newCloud(t), newCloud(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if out, err := process(t, "case", c.name, a.address, b.address).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// The cases that can be carried out twice pass over and over while one cloud is
// killed and comes back, and then the other.
func TestInteropWhileCloudsDie(t *testing.T) {
	a, b := newCloud(t), newCloud(t)
	var all loops
	for _, c := range cases {
		if c.repeatable {
			all.start(t, c.name, a, b)
		}
	}
	all.await(t, 10, "a", "b")
	a.kill()
	all.await(t, 1, "a down")
	all.await(t, 20, "b")
	a.start(t)
	all.await(t, 1, "a recovering")
	b.kill() // while its calls are still to come back to a
	all.await(t, 1, "b down")
	all.await(t, 20, "a")
	b.start(t)
	all.await(t, 1, "b recovering")
	all.await(t, 10, "a")
	all.end(t)
}

// process is the test's own program in another part. It is killed if it still
// runs when the test ends, or after a minute.
func process(t *testing.T, part string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	// The race detector would let each process sleep for a second at its end.
	cmd.Env = append(os.Environ(), partVariable+"="+part, "GORACE=atexit_sleep_ms=0")
	return cmd
}
