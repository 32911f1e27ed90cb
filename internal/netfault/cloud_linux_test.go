package netfault

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// serversPerCloud is the number of processes of each cloud.
const serversPerCloud = 2

// cloud is a network namespace with servers in it.
type cloud struct {
	link      string // this side's end of the way there
	address   string
	namespace string   // as a path
	env       []string // of the servers, beside the test's
	servers   []*server
	calls     atomic.Int64 // that reached a server
	stood     atomic.Int64 // how long a server stood still, in ns

	mu      sync.Mutex
	effects map[string]int // of orders, by id
}

// server is a process in a cloud.
type server struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	reading sync.WaitGroup
}

// newCloud makes the n-th cloud: its namespace, the way there, its servers, which
// get env beside the test's environment. All of it is gone when the test ends.
func newCloud(t *testing.T, n int, env ...string) *cloud {
	t.Helper()
	holder := exec.Command("cat") // while it runs, so does its namespace
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	pid := holder.Process.Pid
	c := &cloud{
		link:      fmt.Sprintf("cloud%d", n),
		address:   fmt.Sprintf("10.77.%d.2", n),
		namespace: fmt.Sprintf("/proc/%d/ns/net", pid),
		env:       env,
		effects:   make(map[string]int),
	}
	t.Cleanup(func() {
		c.kill()
		stdin.Close()
		holder.Wait()
		run("ip", "link", "del", c.link) // else it goes with the namespace, a little later
	})
	for _, err := range []error{
		run("ip", "link", "set", "lo", "up"),
		run("ip", "link", "add", c.link, "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprint(pid)),
		run("ip", "addr", "add", fmt.Sprintf("10.77.%d.1/24", n), "dev", c.link),
		run("ip", "link", "set", c.link, "up"),
		// The clouds are neighbours here alone. Linux asks for a neighbour once
		// a second, which is all the time that the way back may take.
		run("ip", "ntable", "change", "name", "arp_cache", "dev", c.link, "retrans", "100"),
		c.run("ip", "addr", "add", c.address+"/24", "dev", "eth0"),
		c.run("ip", "link", "set", "eth0", "up"),
		c.start(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// urls are the endpoints of the cloud.
func (c *cloud) urls() (urls []string) {
	for i := range serversPerCloud {
		urls = append(urls, "http://"+c.at(i))
	}
	return urls
}

// at is the address of the i-th server.
func (c *cloud) at(i int) string { return fmt.Sprintf("%s:%d", c.address, 8080+i) }

// start starts the servers and returns when they listen.
func (c *cloud) start() error {
	for i := range serversPerCloud {
		s, err := c.startServer(c.at(i))
		if err != nil {
			return err
		}
		c.servers = append(c.servers, s)
	}
	return nil
}

func (c *cloud) startServer(address string) (*server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := c.command(program) // as its process: nsenter doesn't fork
	cmd.Env = append(append(os.Environ(), serverEnv+"="+address), c.env...)
	// Should the test be killed while the server is frozen, the system hangs the
	// server up and wakes it: its group has nobody left who could.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, stdin: stdin}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		s.kill()
		return nil, fmt.Errorf("the server at %s ended before it listened", address)
	}
	s.reading.Go(func() { c.count(stdout) })
	return s, nil
}

// count counts the calls that a server tells of, one in each line, and notes how
// long it stood still.
func (c *cloud) count(told io.Reader) {
	for lines := bufio.NewScanner(told); lines.Scan(); {
		if long, ok := strings.CutPrefix(lines.Text(), stoodStill); ok {
			if d, err := time.ParseDuration(long); err == nil {
				c.note(d)
			}
			continue
		}
		c.calls.Add(1)
		if id := lines.Text(); id != "" {
			c.mu.Lock()
			c.effects[id]++
			c.mu.Unlock()
		}
	}
}

// note notes that a server stood still for so long.
func (c *cloud) note(d time.Duration) {
	for {
		old := c.stood.Load()
		if int64(d) <= old || c.stood.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// carriedOut returns the orders that the cloud has carried out, and how often.
func (c *cloud) carriedOut() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.effects)
}

// kill kills the servers and returns when they are gone.
func (c *cloud) kill() error {
	for _, s := range c.servers {
		s.cmd.Process.Kill()
	}
	for _, s := range c.servers {
		s.kill()
	}
	c.servers = nil
	return nil
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.stdin.Close()
	s.reading.Wait()
	s.cmd.Wait() // its error says that it was killed
}

// signal sends a signal to the servers.
func (c *cloud) signal(sig syscall.Signal) error {
	for _, s := range c.servers {
		if err := s.cmd.Process.Signal(sig); err != nil {
			return err
		}
	}
	return nil
}

// filter puts a rule on all packets that come into the cloud ("input") or
// leave it ("output").
func (c *cloud) filter(hook, rule string) error {
	return c.run("nft", fmt.Sprintf("add table inet fault; add chain inet fault packets { type filter hook %s priority 0; }; add rule inet fault packets %s", hook, rule))
}

func (c *cloud) unfilter() error { return c.run("nft", "delete table inet fault") }

// command is a command that runs in the cloud's namespace.
func (c *cloud) command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + c.namespace, name}, args...)...)
}

func (c *cloud) run(name string, args ...string) error { return output(c.command(name, args...)) }

func run(name string, args ...string) error { return output(exec.Command(name, args...)) }

func output(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
