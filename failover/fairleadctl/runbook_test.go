package main

import (
	"regexp"
	"strings"
	"testing"
)

// Command lines in the documentation are understood, and what the runbook shows is
// what comes.
func TestRunbook(t *testing.T) {
	runbook := read(t, "../RUNBOOK.md")
	text := strings.ReplaceAll(runbook+read(t, "../../README.md"), " \\\n", " ")
	found := regexp.MustCompile("(?m)^\\s*\\$ fairleadctl (.*)$|`fairleadctl ([^`]*)`").FindAllStringSubmatch(text, -1)
	if len(found) < 15 {
		t.Fatalf("%d command lines", len(found))
	}
	for _, m := range found {
		line, _, _ := strings.Cut(m[1]+m[2], " #")
		args := shell(strings.ReplaceAll(line, "…", ""))
		c := find(args[0])
		if c == nil {
			t.Errorf("%s: no such command", line)
			continue
		}
		flags := c.flags()
		c.setup(flags)
		if _, err := parse(flags, args[1:]); err != nil && !strings.Contains(line, "…") {
			t.Errorf("%s: %v", line, err)
		}
	}
	if shown := read(t, "testdata/golden/n-1.txt"); !strings.Contains(runbook, shown) {
		t.Errorf("the runbook doesn't show\n%s", shown)
	}
}
