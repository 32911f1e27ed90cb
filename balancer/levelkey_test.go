package balancer

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/sla"
)

func TestReadLevelKey(t *testing.T) {
	const secret = "correct horse battery staple"
	day := sla.Day(20_000)
	want, err := sla.ParseLevelKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAIRLEAD_TEST_KEY", secret)
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"env:FAIRLEAD_TEST_KEY", "file:" + path} {
		if err := checkLevelKey(reference); err != nil {
			t.Errorf("%s: %v", reference, err)
		}
		got, err := readLevelKey(reference)
		if err != nil {
			t.Errorf("%s: %v", reference, err)
			continue
		}
		if sla.Level(got, "acme", day) != sla.Level(want, "acme", day) || sla.Level(got, "b", day) != sla.Level(want, "b", day) {
			t.Errorf("%s: not the key of the secret", reference)
		}
	}
	if key, err := readLevelKey(""); err != nil || !reflect.ValueOf(key).IsZero() {
		t.Errorf("no reference: got %v, %v; want the zero key", key, err)
	}
}

func TestReadLevelKeyErrors(t *testing.T) {
	t.Setenv("FAIRLEAD_TEST_EMPTY", " ")
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, []byte(strings.Repeat("s", maxSecretBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{
		"env:FAIRLEAD_TEST_EMPTY":  "balancer: levelKey: env:FAIRLEAD_TEST_EMPTY is empty or not set",
		"env:FAIRLEAD_TEST_ABSENT": "balancer: levelKey: env:FAIRLEAD_TEST_ABSENT is empty or not set",
		"file:" + dir + "/none":    "balancer: levelKey: stat " + dir + "/none: no such file or directory",
		"file:" + dir:              "balancer: levelKey: read " + dir + ": not a regular file",
		"file:" + long:             "balancer: levelKey: " + long + " has more than 4096 bytes",
	} {
		if _, err := readLevelKey(reference); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
