package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runs are the suite's cases by the client that makes the calls.
var runs = []struct {
	name   string
	client []string // its arguments
	suite  func(t *testing.T) []string
	passed int // cases that the suite has for such a client, without those known to fail
}{
	{"http", nil, func(*testing.T) []string { return nil }, 4618}, // with the default config
	{"grpc", []string{"-grpc"}, grpcOptions, 638},
}

// grpcOptions are those for grpc-go. The suite brings the list of cases that
// grpc-go's client fails by itself, testing/grpcclient-known-failing.txt: it
// has a code of its own for a server that sends too many messages, or none.
func grpcOptions(t *testing.T) []string {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "connectrpc.com/conformance").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(strings.TrimSpace(string(dir)), "testing", "grpcclient-known-failing.txt")
	return []string{"--conf", "grpc.yaml", "--known-failing", "@" + known}
}

// All cases of the suite pass, with two healthy clouds and with one that
// refuses every connection and is tried first.
func TestSuite(t *testing.T) {
	client := filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", client, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	worlds := map[string][]string{
		"healthy":  nil,
		"refusing": {"-refusing"},
	}
	for _, run := range runs {
		for name, args := range worlds {
			t.Run(run.name+"/"+name, func(t *testing.T) {
				// Port 0 lets several servers run at a time, each on a free port.
				line := append([]string{"tool", "connectconformance", "--mode", "client", "--port", "0"}, run.suite(t)...)
				line = append(append(append(line, "--", client), run.client...), args...)
				out, err := exec.Command("go", line...).CombinedOutput()
				if err != nil {
					t.Errorf("%v", err)
				}
				if want := fmt.Appendf(nil, "\n%d passed, 0 failed", run.passed); !bytes.Contains(out, want) {
					t.Errorf("the suite doesn't say %q", want)
				}
				if t.Failed() {
					t.Logf("%s", out)
				}
			})
		}
	}
}
