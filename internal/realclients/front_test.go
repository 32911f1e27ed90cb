package realclients

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// A front process is this test's own program, started with this variable and
// two arguments: its address and the local address to connect to the origin
// from.
const frontVariable = "REALCLIENTS_ORIGIN"

func TestMain(m *testing.M) {
	if origin := os.Getenv(frontVariable); origin != "" {
		serveFront(os.Args[1], os.Args[2], origin)
		return
	}
	os.Exit(m.Run())
}

// serveFront forwards connections to the origin until standard input ends.
func serveFront(address, from, origin string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("ready\n")
	go func() {
		io.Copy(io.Discard, os.Stdin) // the test is gone
		os.Exit(0)
	}()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			server, err := dialer.Dial("tcp", origin)
			if err != nil {
				client.Close()
				return
			}
			var wg sync.WaitGroup
			wg.Go(func() { forward(server, client) })
			wg.Go(func() { forward(client, server) })
			wg.Wait()
			client.Close()
			server.Close()
		}()
	}
}

// forward passes on what comes, and the end of it.
func forward(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close() // a reset is no end
		from.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}

// front is the one process of a cloud, which forwards connections to the
// origin. The origin knows it by the address that it connects from.
type front struct {
	address string
	from    string
	origin  string
	cmd     *exec.Cmd
}

// newFront starts a front process on a free port.
func newFront(t *testing.T, from, origin string) *front {
	t.Helper()
	f := &front{address: freeAddress(t), from: from, origin: origin}
	f.start(t)
	t.Cleanup(f.kill)
	return f
}

// start starts the process and returns when it listens.
func (f *front) start(t *testing.T) {
	t.Helper()
	f.cmd = exec.Command(os.Args[0], f.address, f.from)
	f.cmd.Env = append(os.Environ(), frontVariable+"="+f.origin)
	f.cmd.Stderr = os.Stderr
	if _, err := f.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the front process of %s: %v", f.address, err)
	}
}

// kill kills the process and returns when it is gone.
func (f *front) kill() {
	f.cmd.Process.Kill()
	f.cmd.Wait()
}

// freeAddress returns an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
