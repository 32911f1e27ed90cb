package balancer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	firstConfig  = "clouds: {a: }\nservices: {s: {clouds: {a: {http: [http://first]}}}}\n"
	secondConfig = "clouds: {a: }\nservices: {s: {clouds: {a: {http: [http://second]}}}}\n"
	badConfig    = "clouds: {a: }\nservices: {s: {clouds: {a: {http: [second]}}}}\n"
)

// at is the time of poll i.
func at(i int) time.Time { return time.Unix(1_000_000+int64(i), 0) }

func endpointOf(c *Config) string {
	if c == nil {
		return ""
	}
	return strings.TrimPrefix(c.Services["s"].Clouds["a"].HTTP[0], "http://")
}

// Each step is a poll: what it finds, and what it makes of it.
func TestSourceJudges(t *testing.T) {
	gone := errors.New("gone")
	type step struct {
		text    string
		readErr error
		next    string // the endpoint of the configuration to put in force
		report  bool
		changed bool
		loaded  int // the poll that the content in force is from, -1: none
		err     string
	}
	const bad = `f:2: services.s.clouds.a.http[0]: must be an absolute URL such as http://10.1.0.11:8080, is "second"`
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"nothing changes", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{text: firstConfig, loaded: 0},
			{text: firstConfig, loaded: 0},
		}},
		{"a change counts when two polls agree", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{text: secondConfig, loaded: 0},
			{text: secondConfig, next: "second", changed: true, loaded: 2},
			{text: secondConfig, loaded: 2},
		}},
		{"caught while it is written", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{text: "", loaded: 0},
			{text: secondConfig[:20], loaded: 0},
			{text: secondConfig, loaded: 0},
			{text: secondConfig, next: "second", changed: true, loaded: 4},
		}},
		{"bad, reported once, then good", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{text: badConfig, loaded: 0},
			{text: badConfig, report: true, changed: true, loaded: 0, err: bad},
			{text: badConfig, loaded: 0, err: bad},
			{text: secondConfig, loaded: 0, err: bad},
			{text: secondConfig, next: "second", changed: true, loaded: 5},
		}},
		{"gone, then back as it was", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{readErr: gone, loaded: 0},
			{readErr: gone, report: true, changed: true, loaded: 0, err: "gone"},
			{readErr: gone, loaded: 0, err: "gone"},
			{text: firstConfig, loaded: 0, err: "gone"},
			{text: firstConfig, changed: true, loaded: 0},
		}},
		{"gone for one poll, as when an editor renames", []step{
			{text: firstConfig, next: "first", changed: true, loaded: 0},
			{readErr: gone, loaded: 0},
			{text: firstConfig, loaded: 0},
			{text: firstConfig, loaded: 0},
		}},
		{"bad from the start", []step{
			{text: badConfig, report: true, changed: true, loaded: -1, err: bad},
			{text: firstConfig, loaded: -1, err: bad},
			{text: firstConfig, next: "first", changed: true, loaded: 2},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newFileSource("f")
			for i, step := range test.steps {
				next, err, changed := s.judge([]byte(step.text), step.readErr, at(i))
				if next != nil {
					s.taken()
				}
				if endpointOf(next) != step.next || (err != nil) != step.report || changed != step.changed {
					t.Errorf("poll %d: got %q, %v, %v; want %+v", i, endpointOf(next), err, changed, step)
				}
				want := Provenance{Path: "f", Checked: at(i), Err: step.err}
				if step.loaded >= 0 {
					want.Loaded = at(step.loaded)
				}
				if got := unconfirmed(s); got != want {
					t.Errorf("poll %d: got %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

// unconfirmed leaves out what TestConfigAge looks at.
func unconfirmed(s *fileSource) Provenance {
	p := s.provenance()
	p.Confirmed = time.Time{}
	return p
}

func TestSourceRefused(t *testing.T) {
	s := newFileSource("f")
	s.judge([]byte(firstConfig), nil, at(0))
	s.taken()
	s.judge([]byte(secondConfig), nil, at(1))
	if next, _, _ := s.judge([]byte(secondConfig), nil, at(2)); next == nil {
		t.Fatal("the second configuration was not offered")
	}
	if !s.refused(errors.New("no key")) {
		t.Error("the refusal is no news")
	}
	want := Provenance{Path: "f", Loaded: at(0), Checked: at(2), Err: "no key"}
	if got := unconfirmed(s); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i, why := range []string{"no key", "no cloud", "no cloud"} {
		if next, _, _ := s.judge([]byte(secondConfig), nil, at(3)); endpointOf(next) != "second" {
			t.Error("not offered again, though the reason may have passed")
		}
		if news := s.refused(errors.New(why)); news != (i == 1) {
			t.Errorf("refused again, %s: news: %t", why, news)
		}
	}
	s.judge([]byte(firstConfig), nil, at(4))
	if next, err, changed := s.judge([]byte(firstConfig), nil, at(5)); next != nil || err != nil || !changed {
		t.Errorf("back to what is in force: got %v, %v, %v; want only changed", next, err, changed)
	}
	want = Provenance{Path: "f", Loaded: at(0), Checked: at(5)}
	if got := unconfirmed(s); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// pollTwice gives a change the time to count.
func pollTwice(s *fileSource) (next *Config, err error, changed bool) {
	if next, err, changed = s.poll(); changed {
		return next, err, changed
	}
	return s.poll()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Kubernetes mounts a ConfigMap as file → ..data/file, ..data → a directory
// per version, and swaps ..data by rename.
func TestSourceFollowsConfigMap(t *testing.T) {
	dir := t.TempDir()
	publish := func(version, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "fairlead.yaml"), text)
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("..1", firstConfig)
	path := filepath.Join(dir, "fairlead.yaml")
	if err := os.Symlink(filepath.Join("..data", "fairlead.yaml"), path); err != nil {
		t.Fatal(err)
	}
	s := newFileSource(path)
	if next, err, _ := s.poll(); err != nil || endpointOf(next) != "first" {
		t.Fatalf("got %q, %v", endpointOf(next), err)
	}
	s.taken()
	publish("..2", secondConfig)
	if next, err, changed := pollTwice(s); err != nil || !changed || endpointOf(next) != "second" {
		t.Errorf("after the swap: got %q, %v, %v", endpointOf(next), err, changed)
	}
}

func TestSourceKeepsLastGood(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  string // part of the error
	}{
		{"deleted", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "no such file"},
		{"emptied", func(t *testing.T, path string) { write(t, path, "") }, "is empty"},
		{"truncated", func(t *testing.T, path string) { write(t, path, firstConfig[:len(firstConfig)-9]) }, "is not YAML"},
		{"10 MiB", func(t *testing.T, path string) { write(t, path, firstConfig+strings.Repeat("#", 10<<20)) }, "at most 1048576 bytes"},
		{"bomb", func(t *testing.T, path string) {
			data, err := os.ReadFile("testdata/malformed/document-bomb.yaml")
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, string(data))
		}, "aliases"},
		{"a directory", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fairlead.yaml")
			write(t, path, firstConfig)
			s := newFileSource(path)
			if next, err, _ := s.poll(); err != nil || next == nil {
				t.Fatalf("got %v, %v", next, err)
			}
			s.taken()
			loaded := s.provenance().Loaded
			test.spoil(t, path)
			next, err, changed := pollTwice(s)
			if next != nil || !changed || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, %v; want an error with %q", next, err, changed, test.want)
			}
			if p := s.provenance(); p.Loaded != loaded || p.Err != err.Error() {
				t.Errorf("got %+v, want it loaded at %v", p, loaded)
			}
		})
	}
}
