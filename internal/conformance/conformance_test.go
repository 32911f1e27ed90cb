package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// cases is how many cases the suite has for a client with the default config.
const cases = 4618

// All cases of the suite pass, with two healthy clouds and with one that
// refuses every connection and is tried first.
func TestSuite(t *testing.T) {
	client := filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", client, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, args := range map[string][]string{
		"healthy":  nil,
		"refusing": {"-refusing"},
	} {
		t.Run(name, func(t *testing.T) {
			// Port 0 lets several servers run at a time, each on a free port.
			suite := exec.Command("go", append([]string{"tool", "connectconformance", "--mode", "client", "--port", "0", "--", client}, args...)...)
			out, err := suite.CombinedOutput()
			if err != nil {
				t.Errorf("%v", err)
			}
			if want := fmt.Appendf(nil, "%d passed, 0 failed", cases); !bytes.Contains(out, want) {
				t.Errorf("the suite doesn't say %q", want)
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
