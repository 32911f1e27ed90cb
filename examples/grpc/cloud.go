package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/template"
)

// endpointsPerCloud is the number of processes of each cloud.
const endpointsPerCloud = 3

// clouds are the clouds by name.
type clouds map[string]*cloud

// cloud is a cloud: processes on loopback, one for each endpoint.
type cloud struct {
	name      string
	addresses []string // of the endpoints; the same for all of the cloud's lives
	processes []*process
}

// process is one endpoint while it lives.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer // its end ends the process
}

// startClouds starts both clouds on ports that the system chooses.
func startClouds() (clouds, error) {
	all := make(clouds)
	for name := range paces {
		c := &cloud{name: name}
		for range endpointsPerCloud {
			c.addresses = append(c.addresses, "127.0.0.1:0")
		}
		all[name] = c
		if err := c.start(); err != nil {
			all.stop()
			return nil, err
		}
	}
	return all, nil
}

// stop ends all processes.
func (all clouds) stop() {
	for _, c := range all {
		c.kill()
	}
}

//go:embed fairlead.yaml
var configText string

// config returns the config file with the clouds' endpoints.
func (all clouds) config() []byte {
	addresses := make(map[string][]string)
	for name, c := range all {
		addresses[name] = c.addresses
	}
	text := template.Must(template.New("fairlead.yaml").
		Funcs(template.FuncMap{"join": strings.Join}).Parse(configText))
	var b bytes.Buffer
	if err := text.Execute(&b, addresses); err != nil {
		panic(err) // the template is part of the program
	}
	return b.Bytes()
}

// start starts the cloud's processes and returns when they listen.
func (c *cloud) start() error {
	for i, address := range c.addresses {
		p, address, err := startProcess(c.name, address)
		if err != nil {
			return fmt.Errorf("endpoint %d of %s did not start: %w", i+1, c.name, err)
		}
		c.addresses[i] = address
		c.processes = append(c.processes, p)
	}
	return nil
}

// startProcess starts this program once more, as an endpoint, and returns the
// address it listens on.
func startProcess(cloud, address string) (*process, string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), endpointEnv+"="+cloud, addressEnv+"="+address)
	cmd.Stderr = os.Stderr
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

// kill kills all of the cloud's processes, as a power cut would.
func (c *cloud) kill() error {
	for _, p := range c.processes {
		p.cmd.Process.Kill()
	}
	for _, p := range c.processes {
		p.kill()
	}
	c.processes = nil
	return nil
}

// kill kills the process and returns when it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.stdin.Close()
	p.cmd.Wait() // its error says that it was killed
}
