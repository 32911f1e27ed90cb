package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each of the malformed files of package balancer is refused with all that is wrong
// with it, line by line.
func TestValidateMalformed(t *testing.T) {
	home, err := filepath.Abs("../../balancer/testdata/malformed")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(home, "*.yaml"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d malformed files: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		stdout, stderr, status := typed(t, home, "validate", name)
		if status != exitFinding || stdout != "" || stderr != printable(string(want)) {
			t.Errorf("%s: exit status %d\n%s%swant:\n%s", name, status, stdout, stderr, want)
		}
		var out []validated
		stdout, _, status = typed(t, home, "validate", name, "-json")
		if err := json.Unmarshal([]byte(stdout), &out); err != nil || status != exitFinding || len(out) != 1 || out[0].OK || len(out[0].Faults) == 0 {
			t.Fatalf("%s: exit status %d, %v: %s", name, status, err, stdout)
		}
		// What is said of a place is said of it alone, in a line that can be clicked.
		for i, f := range out[0].Faults {
			line := fmt.Sprintf("%s:%d: ", name, f.Line)
			if f.Line > 0 && !strings.HasPrefix(strings.Split(stderr, "\n")[i], line) {
				t.Errorf("%s: fault %d is on line %d, but:\n%s", name, i, f.Line, stderr)
			}
			if f.Problem == "" {
				t.Errorf("%s: fault %d says nothing", name, i)
			}
		}
	}
}

// One bad file of several is a finding, and the others are looked at all the same.
func TestValidateSeveral(t *testing.T) {
	dir := copies(t, "everything-at-once.yaml", "fairlead.yaml")
	stdout, stderr, status := typed(t, dir, "validate", "everything-at-once.yaml", "fairlead.yaml", "nowhere.yaml")
	if status != exitFinding || !strings.Contains(stdout, "fairlead.yaml: in order") || !strings.Contains(stderr, "nowhere.yaml") || !strings.Contains(stderr, "once.yaml:15:") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}
