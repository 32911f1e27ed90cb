package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/balancer"
)

func TestParseFlagsAnywhere(t *testing.T) {
	for _, tt := range []struct {
		line, file, cloud string
		force             bool
	}{
		{"f.yaml onprem -force", "f.yaml", "onprem", true},
		{"-force f.yaml onprem", "f.yaml", "onprem", true},
		{"f.yaml -force onprem", "f.yaml", "onprem", true},
		{"f.yaml -- -force", "f.yaml", "-force", false},
	} {
		c := find("drain")
		flags := c.flags()
		c.setup(flags)
		rest, err := parse(flags, strings.Fields(tt.line))
		if err != nil || !slices.Equal(rest, []string{tt.file, tt.cloud}) || (flags.Lookup("force").Value.String() == "true") != tt.force {
			t.Errorf("%s: %v, %v, force %v", tt.line, rest, err, flags.Lookup("force").Value)
		}
	}
}

func TestSchema(t *testing.T) {
	stdout, _, status := typed(t, t.TempDir(), "schema")
	if status != exitOK || stdout != string(balancer.Schema()) {
		t.Errorf("exit status %d, %d bytes", status, len(stdout))
	}
}

func TestVersion(t *testing.T) {
	for _, word := range []string{"version", "-version", "--version"} {
		if stdout, _, status := typed(t, t.TempDir(), word); status != exitOK || !strings.HasPrefix(stdout, "fairleadctl ") {
			t.Errorf("%s: exit status %d: %s", word, status, stdout)
		}
	}
}

// Each command has help with examples, and is in the scripts of all shells with all
// of its flags.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		stdout, _, status := typed(t, t.TempDir(), "completion", shell)
		if status != exitOK {
			t.Errorf("%s: exit status %d", shell, status)
		}
		for _, c := range commands() {
			if len(c.examples) == 0 && c.name != "version" {
				t.Errorf("%s has no example", c.name)
			}
			words := append(c.flagNames(), c.name)
			for _, word := range words {
				if shell == "fish" {
					word = strings.TrimPrefix(word, "-")
				}
				if !strings.Contains(stdout, word) {
					t.Errorf("%s: %s of %s is missing", shell, word, c.name)
				}
			}
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s isn't there to read its script", shell)
			continue
		}
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte(stdout), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(path, "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if _, stderr, status := typed(t, t.TempDir(), "completion", "tcsh"); status != exitUsage || !strings.Contains(stderr, "bash, zsh or fish") {
		t.Errorf("tcsh: exit status %d: %s", status, stderr)
	}
}

// What bash completes.
func TestCompletionBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	script, _, _ := typed(t, t.TempDir(), "completion", "bash")
	for _, tt := range []struct{ words, want string }{
		{"fairleadctl dr", "drain drill"},
		{"fairleadctl plan -de", "-demand"},
		{"fairleadctl completion z", "zsh"},
		{"fairleadctl help sim", "simulate"},
	} {
		words := strings.Fields(tt.words)
		asked := script + "\nCOMP_WORDS=(" + tt.words + "); COMP_CWORD=" + string(rune('0'+len(words)-1)) + "; _fairleadctl; echo ${COMPREPLY[@]}"
		out, err := exec.Command(bash, "-c", asked).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.words, got, err, tt.want)
		}
	}
}

// A table fits, whatever is in it, and says each number whole.
func TestTableFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,63}`)
		var rows [][]string
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			rows = append(rows, []string{name.Draw(t, "tier"), name.Draw(t, "cloud"), "1,234,567", "99.9 %", rapid.StringN(0, 90, -1).Draw(t, "text")})
		}
		var b bytes.Buffer
		(&table{head: []string{"TIER", "CLOUD", "CALLS", "SHARE", "WHY"}, right: []bool{false, false, true, true}, rows: rows}).write(&b)
		for _, line := range strings.Split(b.String(), "\n") {
			if utf8.RuneCountInString(line) > columns {
				t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
			}
		}
		if n := strings.Count(b.String(), "1,234,567"); n < len(rows) {
			t.Errorf("%d of %d numbers:\n%s", n, len(rows), b.String())
		}
	})
}

func TestWords(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 3: "3", 3.25: "3.2", 999.6: "1,000", 1234567.8: "1,234,568"} {
		if got := rate(v); got != want {
			t.Errorf("rate(%v) is %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0 %", 1: "100 %", 0.00001: "< 0.1 %", 0.99999: "> 99.9 %", 0.5: "50 %", 1.0 / 3: "33.3 %", 1.2: "120 %"} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v) is %s, want %s", v, got, want)
		}
	}
}
