//go:build unix

package balancer

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// Opening a named pipe would wait for a writer.
func TestLoadRefusesNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe); !errors.Is(err, errNotRegular) {
		t.Errorf("named pipe: got %v, want errNotRegular", err)
	}
}
