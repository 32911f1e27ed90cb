package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

// minimal is a config that lacks only its changes.
const minimal = `clouds: {onprem: {}, gcp: {}}
services:
  api:
    clouds:
      onprem: {http: [http://10.1.0.11]}
      gcp: {http: [http://10.2.0.11]}
`

var drainOnprem = failover.Change{ID: "d", Kind: failover.KindDrain, Cloud: "onprem", Start: time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fairlead.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAdd(t *testing.T) {
	const record = "  - id: d\n    kind: drain\n    cloud: onprem\n    start: 2026-12-01T03:00:00Z\n"
	const other = "id: e, kind: drain, cloud: gcp, start: 2026-11-01T03:00:00Z, end: 2026-11-02T03:00:00Z"
	for _, tt := range []struct{ name, before, after string }{
		{"no changes", minimal, minimal + "changes:\n" + record},
		{"no end of line", strings.TrimSuffix(minimal, "\n"), minimal + "changes:\n" + record},
		{"a comment at the end", minimal + "# The end.\n", minimal + "# The end.\nchanges:\n" + record},
		{"an empty list", minimal + "changes: []   # none\nversion: 1\n", minimal + "changes:   # none\n" + record + "version: 1\n"},
		{"nothing written", minimal + "changes:\nversion: 1\n", minimal + "changes:\n" + record + "version: 1\n"},
		{"an item", minimal + "changes:\n  - {" + other + "}\n", minimal + "changes:\n  - {" + other + "}\n" + record},
		{"items without indent", minimal + "changes:\n- {" + other + "}\nversion: 1\n",
			minimal + "changes:\n- {" + other + "}\n" + unindented(record) + "version: 1\n"},
		{"comments around", minimal + "changes:\n  # first\n  - {" + other + "} # why\n  # after it\n\n# of the version\nversion: 1\n",
			minimal + "changes:\n  # first\n  - {" + other + "} # why\n  # after it\n" + record + "\n# of the version\nversion: 1\n"},
		{"a marked end", "---\n" + minimal + "...\n", "---\n" + minimal + "changes:\n" + record + "...\n"},
		{"a marked end after items", "---\n" + minimal + "changes:\n  - {" + other + "}\n...\n", "---\n" + minimal + "changes:\n  - {" + other + "}\n" + record + "...\n"},
		{"CRLF", strings.ReplaceAll(minimal, "\n", "\r\n"), strings.ReplaceAll(minimal+"changes:\n"+record, "\n", "\r\n")},
		{"in brackets", minimal + "changes: [{" + other + "}]\n", ""},
		{"braces", `{"clouds": {"a": {}, "onprem": {}}, "services": {"api": {"clouds": {"a": {"http": ["http://10.1.0.1"]}, "onprem": {"http": ["http://10.2.0.1"]}}}}}`, ""},
	} {
		f, err := edit(written(t, tt.before))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		err = f.add(drainOnprem)
		if tt.after == "" {
			if err == nil || !strings.Contains(err.Error(), "by hand") || !strings.Contains(err.Error(), "id: d") {
				t.Errorf("%s: %v, want to be told to add it by hand", tt.name, err)
			}
			continue
		}
		if got := string(f.doc.bytes()); err != nil || got != tt.after {
			t.Errorf("%s: %v\ngot:\n%s\nwant:\n%s", tt.name, err, got, tt.after)
		}
	}
}

func unindented(record string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+record, "\n  ", "\n"), "\n")
}

// What was added and taken out again leaves every byte as it was, but for the key.
func TestAddRemove(t *testing.T) {
	data, err := os.ReadFile("../../balancer/testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(data), minimal + "changes: []\n", read(t, "testdata/changes.yaml")} {
		f, err := edit(written(t, text))
		if err != nil {
			t.Fatal(err)
		}
		c := drainOnprem
		c.ID, c.Services, c.Start, c.End = "added", nil, time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 1, 0, time.UTC)
		if f.config.Observe == "onprem" {
			c.Cloud = "gcp"
		}
		if err := f.add(c); err != nil {
			t.Fatal(err)
		}
		if f.doc, err = open(f.doc.bytes()); err != nil {
			t.Fatal(err)
		}
		if err := f.remove(len(f.config.Changes) - 1); err != nil {
			t.Fatal(err)
		}
		if got := string(f.doc.bytes()); got != text {
			t.Errorf("got:\n%s\nwant:\n%s", got, text)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRemove(t *testing.T) {
	const a, b = "- id: a\n    kind: drain\n    cloud: onprem\n    start: 2026-11-01T03:00:00Z\n    end: 2026-11-02T03:00:00Z\n", "- {id: b, kind: drain,\n     cloud: gcp, start: 2026-12-01T03:00:00Z}  # of b\n"
	for _, tt := range []struct {
		name, before string
		i            int
		after        string
	}{
		{"the first", "changes:\n  # of a\n  " + a + "\n  # of b\n  " + b + "version: 1\n", 0, "changes:\n  # of a\n\n  # of b\n  " + b + "version: 1\n"},
		{"the last", "changes:\n  " + a + "  " + b + "\n# of the version\nversion: 1\n", 1, "changes:\n  " + a + "\n# of the version\nversion: 1\n"},
		{"the only one", "changes: # planned\n  " + a + "version: 1\n", 0, "changes: [] # planned\nversion: 1\n"},
		{"a dash of its own", "changes:\n  -\n    id: a\n    kind: drain\n    cloud: gcp\n    start: 2026-12-01T03:00:00Z\n  " + a[:2] + "id: c" + a[7:], 0, "changes:\n  " + a[:2] + "id: c" + a[7:]},
	} {
		f, err := edit(written(t, minimal+tt.before))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		err = f.remove(tt.i)
		if got := string(f.doc.bytes()); err != nil || got != minimal+tt.after {
			t.Errorf("%s: %v\ngot:\n%s\nwant:\n%s", tt.name, err, got, minimal+tt.after)
		}
	}
}

// Whatever a record says is written so that the file says the same, and every line
// that was there stays, in its order.
func TestAddKeepsAll(t *testing.T) {
	full := read(t, "../../balancer/testdata/full.yaml")
	before := read(t, "testdata/changes.yaml")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{full, before, minimal}).Draw(t, "file")
		cfg, err := balancer.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f := &edited{config: cfg, before: []byte(text)}
		if f.doc, err = open(f.before); err != nil {
			t.Fatal(err)
		}
		c := failover.Change{
			ID:      rapid.StringMatching(`[a-z0-9]([a-z0-9_.-]{0,8}[a-z0-9])?`).Draw(t, "id"),
			Kind:    failover.KindShift,
			Start:   time.Date(2032, 1, 1, 0, 0, 0, 0, time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600)),
			Ramp:    time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "ramp")),
			Force:   rapid.Bool().Draw(t, "force"),
			Weights: map[string]uint32{"gcp": rapid.Uint32Range(1, 100).Draw(t, "weight")},
		}
		if rapid.Bool().Draw(t, "window") {
			c.Allowed = []failover.Window{{Days: []string{"mon", "sun"}, From: "22:00", To: "06:00", Zone: "Asia/Seoul"}}
		}
		if err := f.add(c); err != nil {
			t.Fatalf("%v\n%s", err, f.doc.bytes())
		}
		rest := f.doc.lines
		for line := range bytes.Lines([]byte(text)) {
			i := slices.Index(rest, string(line))
			if i < 0 {
				t.Fatalf("lost: %s", line)
			}
			rest = rest[i+1:]
		}
	})
}

// A file that somebody changes meanwhile is left as they left it.
func TestWriteMeanwhile(t *testing.T) {
	path := written(t, minimal)
	f, err := edit(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.add(drainOnprem); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(minimal+"version: 1\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := f.write(); err == nil || !strings.Contains(err.Error(), "meanwhile") {
		t.Errorf("got %v", err)
	}
	if got := read(t, path); got != minimal+"version: 1\n" {
		t.Errorf("the file is\n%s", got)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A link stays one, and the file keeps its mode.
func TestWriteLink(t *testing.T) {
	path := written(t, minimal)
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	f, err := edit(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.add(drainOnprem); err != nil {
		t.Fatal(err)
	}
	if err := f.write(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if _, err := balancer.Load(path); err != nil {
		t.Error(err)
	}
}

// Whatever is refused leaves the file as it was.
func TestRefusedWritesNothing(t *testing.T) {
	for _, line := range []string{
		"drain fairlead.yaml onprem -demand critical=3000",
		"drill fairlead.yaml onprem -demand critical=1900",
		"drain fairlead.yaml aws",
		"drain fairlead.yaml onprem -dry-run",
		"drain fairlead.yaml onprem -id A",
		"drill fairlead.yaml onprem -ramp 1h",
		"shift fairlead.yaml onprem=0 gcp=0",
		"resume fairlead.yaml onprem",
	} {
		t.Run(line, func(t *testing.T) {
			before := read(t, "testdata/fairlead.yaml")
			dir := copies(t, "fairlead.yaml")
			_, stderr, status := typed(t, dir, shell(line)...)
			if dry := strings.Contains(line, "-dry-run"); (status == exitFinding) == dry {
				t.Errorf("exit status %d: %s", status, stderr)
			}
			if after := read(t, filepath.Join(dir, "fairlead.yaml")); after != before {
				t.Errorf("the file is\n%s", after)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// An edit of any valid file is refused or leaves a valid one that says the same and
// the change.
func FuzzAdd(f *testing.F) {
	for _, seed := range []string{minimal, minimal + "changes: []\n", minimal + "changes:\n", minimal + "\"changes\": null # x\n", "---\n" + minimal + "...\n", minimal + "changes:\n- {id: e, kind: drain, cloud: gcp, start: 2026-11-01T03:00:00Z, end: 2026-11-02T03:00:00Z}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := balancer.ParseConfig(data)
		if err != nil {
			return
		}
		e := &edited{config: cfg, before: data}
		if e.doc, err = open(data); err != nil {
			t.Fatal(err)
		}
		before := len(cfg.Changes)
		if err := e.add(drainOnprem); err != nil {
			return
		}
		if after, err := balancer.ParseConfig(e.doc.bytes()); err != nil || len(after.Changes) != before+1 {
			t.Errorf("%v\n%s", err, e.doc.bytes())
		}
	})
}
