package clouds

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
)

// The environment of a process that is an endpoint: the name of its cloud, and
// the address to listen on.
const (
	cloudEnv   = "FAIRLEAD_EXAMPLE_CLOUD"
	addressEnv = "FAIRLEAD_EXAMPLE_ADDRESS"
)

// process is one endpoint while it lives.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer // its end ends the process
}

// startProcess starts this program once more, as an endpoint, and returns the
// address it listens on.
func startProcess(cloud, address string) (*process, string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), cloudEnv+"="+cloud, addressEnv+"="+address)
	cmd.Stderr = os.Stderr
	detach(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	p := &process{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, "", errors.New("it ended before it listened")
	}
	return p, strings.TrimSpace(line), nil
}

// kill kills the process and returns when it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.stdin.Close()
	p.cmd.Wait() // its error says that it was killed
}

// Serve returns at once, unless this process was started as an endpoint. Then it
// listens, serves as it is told, and ends the process. It says on standard output
// where it listens, and ends when standard input does.
func Serve(serve func(cloud string, on net.Listener) error) {
	cloud := os.Getenv(cloudEnv)
	if cloud == "" {
		return
	}
	if err := listen(cloud, serve); err != nil {
		fmt.Fprintf(os.Stderr, "an endpoint of %s: %v\n", cloud, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func listen(cloud string, serve func(cloud string, on net.Listener) error) error {
	listener, err := net.Listen("tcp", os.Getenv(addressEnv))
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return serve(cloud, listener)
}
