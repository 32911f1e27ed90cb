// Package clouds runs clouds as processes on loopback, which can be killed and
// frozen as real ones are. It serves the examples that do so.
//
// The processes are the program itself, started once more: main calls [Serve] before
// anything else. They end when the program does, however that comes about. The types
// are for one goroutine.
package clouds

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"text/template"
)

// Clouds are clouds by name.
type Clouds map[string]*Cloud

// Cloud is a cloud of processes, one for each endpoint.
type Cloud struct {
	Name      string
	Addresses []string // of the endpoints; the same for all of the cloud's lives
	processes []*process
}

// Start starts clouds of n endpoints each, on ports that the system chooses.
func Start(n int, names ...string) (Clouds, error) {
	all := make(Clouds)
	for _, name := range names {
		c := &Cloud{Name: name}
		for range n {
			c.Addresses = append(c.Addresses, "127.0.0.1:0")
		}
		all[name] = c
		if err := c.Start(); err != nil {
			all.Stop()
			return nil, err
		}
	}
	return all, nil
}

// Stop ends all processes.
func (all Clouds) Stop() {
	for _, c := range all {
		_ = c.Kill()
	}
}

// Config returns a config file with the clouds' endpoints. It is a template: for a
// cloud named gcp {{join .gcp}} gives addresses with commas between, {{urls .gcp}} the
// same as http URLs. It panics if the template is faulty: that is part of the program.
func (all Clouds) Config(text string) []byte {
	addresses := make(map[string][]string)
	for name, c := range all {
		addresses[name] = c.Addresses
	}
	functions := template.FuncMap{
		"join": func(addresses []string) string { return strings.Join(addresses, ", ") },
		"urls": func(addresses []string) string { return "http://" + strings.Join(addresses, ", http://") },
	}
	var b bytes.Buffer
	if err := template.Must(template.New("config").Funcs(functions).Parse(text)).Execute(&b, addresses); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Start starts the cloud's processes and returns when they listen.
func (c *Cloud) Start() error {
	for i, address := range c.Addresses {
		p, address, err := startProcess(c.Name, address)
		if err != nil {
			return fmt.Errorf("endpoint %d of %s did not start: %w", i+1, c.Name, err)
		}
		c.Addresses[i] = address
		c.processes = append(c.processes, p)
	}
	return nil
}

// Kill kills all of the cloud's processes, as a power cut would. It can't fail.
func (c *Cloud) Kill() error {
	for _, p := range c.processes {
		p.cmd.Process.Kill()
	}
	for _, p := range c.processes {
		p.kill()
	}
	c.processes = nil
	return nil
}

// Freeze stops the processes where they stand. The kernel goes on accepting
// connections for them. Not every system can: see [CanFreeze].
func (c *Cloud) Freeze() error { return c.each(freeze) }

// Thaw lets frozen processes go on.
func (c *Cloud) Thaw() error { return c.each(thaw) }

func (c *Cloud) each(do func(*os.Process) error) error {
	for i, p := range c.processes {
		if err := do(p.cmd.Process); err != nil {
			return fmt.Errorf("endpoint %d of %s: %w", i+1, c.Name, err)
		}
	}
	return nil
}
