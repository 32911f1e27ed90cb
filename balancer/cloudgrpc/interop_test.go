package cloudgrpc_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// interopVariable tells the test's own program, started again, which part of an
// interop test it is to play.
const interopVariable = "CLOUDGRPC_INTEROP"

// The interop cases of gRPC (doc/interop-test-descriptions.md of github.com/grpc/grpc)
// pass when the server is two clouds. Each runs in a process of its own, because a
// case that fails ends its process.
func TestInterop(t *testing.T) {
	switch os.Getenv(interopVariable) {
	case "server":
		playServer(t)
		return
	case "case":
		playCase(t)
		return
	case "loop":
		playLoop(t)
		return
	}
	a, b := newInteropServer(t), newInteropServer(t)
	for _, c := range interopCases {
		t.Run(c.name, func(t *testing.T) {
			if out, err := interopProcess(t, "case", c.name, a.address, b.address).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// The cases that may be carried out twice pass over and over while one cloud is
// killed and comes back, and then the other.
func TestInteropWhileCloudsDie(t *testing.T) {
	a, b := newInteropServer(t), newInteropServer(t)
	loops := newInteropLoops(t, a.address, b.address)
	loops.await(20, "ab")
	a.kill()
	loops.await(50, "b")
	a.start(t)
	loops.await(5, "ab")
	b.kill()
	loops.await(50, "a")
	b.start(t)
	loops.await(5, "ab")
	loops.end()
}

// interopProcess is the test's own program in another part. It doesn't outlive
// what the test can wait for.
func interopProcess(t *testing.T, part string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"-test.run=^TestInterop$"}, args...)...)
	cmd.Env = append(os.Environ(), interopVariable+"="+part)
	return cmd
}

// interopLoops are processes each of which runs one case over and over.
type interopLoops struct {
	t     *testing.T
	loops []*interopLoop
	turns chan interopTurn
}

// interopLoop is one of them.
type interopLoop struct {
	name   string
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// interopTurn is one time that a loop ran its case.
type interopTurn struct {
	loop  *interopLoop
	cloud byte // that answered last; 0: the process has ended
}

func newInteropLoops(t *testing.T, a, b string) *interopLoops {
	l := &interopLoops{t: t, turns: make(chan interopTurn)}
	for _, c := range interopCases {
		if c.repeatable {
			l.start(c.name, a, b)
		}
	}
	return l
}

func (l *interopLoops) start(name, a, b string) {
	loop := &interopLoop{name: name, cmd: interopProcess(l.t, "loop", name, a, b)}
	loop.cmd.Stderr = &loop.stderr
	stop, err := loop.cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := loop.cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := loop.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.loops = append(l.loops, loop)
	_ = stop
	_ = out
}
