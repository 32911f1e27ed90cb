package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write testdata/golden as the output is now")

// today is when the tests happen.
var today = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// typed runs a command line in a directory and returns what it wrote and its exit
// status.
func typed(t *testing.T, dir string, line ...string) (stdout, stderr string, status int) {
	t.Helper()
	t.Chdir(dir)
	var out, err bytes.Buffer
	status = run(line, &env{stdout: &out, stderr: &err, now: func() time.Time { return today }})
	return out.String(), err.String(), status
}

// copies returns a directory with the files of testdata.
func copies(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// words splits a command line as a shell does, quotes included.
func shell(line string) (args []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		args = append(args, m[1]+m[2]+m[3])
	}
	return args
}

// What a user types, and what comes: look at testdata/golden.
var lines = []struct {
	name, line string
	status     int
}{
	{"overview", "", exitUsage},
	{"help", "help", exitOK},
	{"help-validate", "help validate", exitOK},
	{"help-plan", "help plan", exitOK},
	{"help-n-1", "help n-1", exitOK},
	{"help-explain", "help explain", exitOK},
	{"help-simulate", "help simulate", exitOK},
	{"help-drain", "help drain", exitOK},
	{"help-drill", "drill -h", exitOK},
	{"help-shift", "shift --help", exitOK},
	{"help-resume", "help resume", exitOK},
	{"help-schema", "help schema", exitOK},
	{"help-completion", "help completion", exitOK},
	{"help-version", "help version", exitOK},
	{"wrong-command", "plans fairlead.yaml", exitUsage},
	{"wrong-flag", "plan fairlead.yaml -dwon onprem", exitUsage},
	{"wrong-cloud", "plan fairlead.yaml -down onperm", exitUsage},
	{"wrong-tier", "plan fairlead.yaml -demand critcal=10", exitUsage},
	{"wrong-number", "plan fairlead.yaml -demand critical=3,000", exitUsage},
	{"wrong-time", "plan fairlead.yaml -at tomorrow", exitUsage},
	{"no-file", "plan nowhere.yaml", exitFinding},
	{"no-file-argument", "plan", exitUsage},
	{"two-files", "plan fairlead.yaml changes.yaml", exitUsage},

	{"validate", "validate fairlead.yaml changes.yaml", exitOK},
	{"validate-json", "validate fairlead.yaml -json", exitOK},
	{"validate-faults", "validate everything-at-once.yaml", exitFinding},
	{"validate-faults-json", "validate everything-at-once.yaml -json", exitFinding},

	{"plan", "plan fairlead.yaml", exitOK},
	{"plan-demand", "plan fairlead.yaml -demand critical=1500 -demand standard=1000 -demand batch=300", exitOK},
	{"plan-down", "plan fairlead.yaml -down onprem -demand critical=1500 -demand standard=1000 -demand batch=300", exitOK},
	{"plan-down-too-much", "plan fairlead.yaml -down onprem -demand critical=3000 -demand standard=1000 -demand batch=500", exitFinding},
	{"plan-all-down", "plan fairlead.yaml -down onprem -down gcp -demand critical=100", exitFinding},
	{"plan-healthy", "plan fairlead.yaml -healthy onprem=50%", exitOK},
	{"plan-capacity", "plan fairlead.yaml -down onprem -capacity gcp=5000 -demand critical=3000", exitOK},
	{"plan-json", "plan -json -down onprem -demand critical=3000 fairlead.yaml", exitFinding},
	{"plan-services", "plan changes.yaml", exitOK},
	{"plan-which-service", "plan changes.yaml -demand default=100", exitUsage},
	{"plan-during-drill", "plan changes.yaml -service maps -at 2026-12-09T03:05:00Z", exitOK},
	{"plan-unknown", "plan changes.yaml -service routing-api -demand default=100 -at 2027-01-02T00:00:00Z", exitOK},

	{"n-1", "n-1 fairlead.yaml -demand critical=2500 -demand standard=1500", exitFinding},
	{"n-1-survives", "n-1 fairlead.yaml -demand critical=1500 -demand standard=1500 -demand batch=300", exitOK},
	{"n-1-json", "n-1 fairlead.yaml -demand critical=2500 -json", exitFinding},
	{"n-1-unknown", "n-1 changes.yaml -service routing-api -demand default=100 -at +24h", exitFinding},
	{"n-1-second", "n-1 fairlead.yaml -demand critical=1500 -down gcp", exitFinding},
	{"n-1-no-demand", "n-1 fairlead.yaml", exitUsage},

	{"explain", `explain fairlead.yaml -service routing-api -product dispatch -customer acme -method "GET /v1/route"`, exitOK},
	{"explain-tier", "explain fairlead.yaml -tier batch", exitOK},
	{"explain-at", "explain changes.yaml -service maps -at 2026-12-09T03:05:00Z", exitOK},
	{"explain-wrong-at", "explain fairlead.yaml -at tonight", exitUsage},
	{"explain-json", "explain fairlead.yaml -product dispatch -customer acme -json", exitOK},
	{"explain-wrong-service", "explain fairlead.yaml -service routing", exitUsage},

	{"drain", "drain fairlead.yaml onprem", exitOK},
	{"drain-dry-run", "drain fairlead.yaml onprem -start 2026-12-01T22:00:00+09:00 -for 4h -ramp 10m -grace 2m -dry-run", exitOK},
	{"drain-capacity", "drain fairlead.yaml onprem -demand critical=3000", exitFinding},
	{"drain-force", "drain fairlead.yaml onprem -demand critical=3000 -force", exitOK},
	{"drain-wrong-cloud", "drain fairlead.yaml aws", exitFinding},
	{"drain-contradiction", "drain changes.yaml gcp -start 2026-12-09T03:10:00Z", exitFinding},
	{"drain-too-few", "drain changes.yaml gcp -services maps -end +1h", exitFinding},
	{"drain-json", "drain fairlead.yaml onprem -services routing-api -json", exitOK},
	{"drill", "drill fairlead.yaml onprem -start +10m -demand critical=1500", exitOK},
	{"drill-weekly", "drill fairlead.yaml onprem -id weekly -start 2026-12-08T03:00:00+09:00 -repeat 168h -allow 'mon,tue,wed,thu 02:00-05:00 Asia/Seoul' -block '09:00-18:00 Asia/Seoul'", exitOK},
	{"drill-headroom", "drill fairlead.yaml onprem -demand critical=1900", exitFinding},
	{"drill-over", "drill fairlead.yaml onprem -start 2026-11-01T03:00:00Z", exitUsage},
	{"shift", "shift fairlead.yaml onprem=70 gcp=30 -from onprem=100 -from gcp=0 -start +24h -ramp 24h", exitOK},
	{"shift-nothing", "shift fairlead.yaml", exitUsage},
	{"shift-wrong", "shift fairlead.yaml gcp=-1", exitUsage},
	{"resume", "resume changes.yaml onprem", exitOK},
	{"resume-nothing", "resume changes.yaml gcp", exitFinding},
	{"resume-id", "resume changes.yaml -id later -dry-run", exitOK},
	{"resume-wrong-id", "resume changes.yaml -id nightly", exitFinding},
	{"resume-json", "resume changes.yaml -id weekly -json", exitOK},

	{"simulate", "simulate fairlead.yaml -demand day.csv -fault 'onprem down 10:00 2m' -fault 'gcp frozen 10:00 2m' -from 09:58 -until 10:02 -calls 4000 -o report.html", exitFinding},
	{"simulate-calm", "simulate fairlead.yaml -demand day.csv -from 09:58 -until 09:59 -calls 3000", exitOK},
	{"simulate-drill", "simulate changes.yaml -service maps -demand maps.csv -on 2026-12-09 -from 03:28 -until 03:31 -calls 10000", exitOK},
	{"simulate-drill-due", "simulate changes.yaml -service maps -demand maps.csv -on '2026-12-09 Asia/Seoul' -from 02:59 -until 03:01 -calls 1000", exitOK},
	{"simulate-wrong-on", "simulate changes.yaml -service maps -demand maps.csv -on tuesday", exitUsage},
	{"simulate-wrong-fault", "simulate fairlead.yaml -demand day.csv -fault 'onprem dead 10:00 2m'", exitUsage},
	{"simulate-wrong-out", "simulate fairlead.yaml -demand day.csv -o report.pdf", exitUsage},
	{"simulate-wrong-tier", "simulate changes.yaml -service maps -demand day.csv", exitFinding},
}

func TestGolden(t *testing.T) {
	t.Setenv("FAIRLEADCTL_TEST_LEVEL_KEY", "a secret of tests")
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range lines {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.line, "simulate") && tt.status != exitUsage && tt.name != "simulate-drill-due" {
				notUnderRace(t)
			}
			t.Chdir(home)
			dir := copies(t, "fairlead.yaml", "changes.yaml", "day.csv", "maps.csv", "everything-at-once.yaml")
			stdout, stderr, status := typed(t, dir, shell(tt.line)...)
			t.Chdir(home)
			got := "$ fairleadctl " + tt.line + "\n" + stdout
			if stderr != "" {
				got += "(standard error)\n" + stderr
			}
			if strings.HasPrefix(tt.name, "explain") {
				got = levels.ReplaceAllString(got, "${1}<level>")
			}
			if strings.HasPrefix(tt.name, "simulate") {
				got = figures.ReplaceAllString(seen.ReplaceAllString(got, "${1}<events>\n\n"), "0")
				got = wide.ReplaceAllString(least.ReplaceAllString(got, "<least>\n"), "  ")
			}
			if status != tt.status {
				t.Errorf("exit status %d, want %d\n%s", status, tt.status, got)
			}
			golden(t, tt.name, got)
			if strings.HasSuffix(tt.name, "-json") || tt.name == "validate-faults" {
				return // for machines, and for links
			}
			for _, line := range strings.Split(stdout+stderr, "\n") {
				if utf8.RuneCountInString(line) > columns && !strings.HasPrefix(line, "  fairleadctl ") && !strings.HasPrefix(line, "  + ") {
					t.Errorf("wider than %d columns: %s", columns, line)
				}
			}
		})
	}
}

// What comes of a simulation depends on every detail of routers: its figures, the
// space before them, and what was seen are left out.
var (
	seen    = regexp.MustCompile(`(?s)(saw it:\n).*?\n\n`)
	figures = regexp.MustCompile(`([<>] )?\b\d[\d,.:]*`)
	least   = regexp.MustCompile(`(none|0 % at 0)\n`)
	wide    = regexp.MustCompile(`   +`)
)

// levels are left to chance where there is no customer.
var levels = regexp.MustCompile(`(level      |"level": )\d+`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// No golden file is left over.
func TestGoldenUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) != len(lines) {
		t.Errorf("%d golden files of %d command lines: %v", len(files), len(lines), err)
	}
}

// Each example that help shows is a command line that is understood.
func TestExamples(t *testing.T) {
	for _, c := range commands() {
		for _, x := range c.examples {
			line, _, _ := strings.Cut(x.line, " >")
			args := shell(line)
			if args[0] != c.name {
				t.Errorf("%s has an example of %s", c.name, args[0])
			}
			flags := c.flags()
			c.setup(flags)
			if _, err := parse(flags, args[1:]); err != nil {
				t.Errorf("%s: %v", x.line, err)
			}
		}
	}
}
