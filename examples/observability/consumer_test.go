package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A module that imports the core alone needs nothing of what this example does:
// not in its go.mod, not in its go.sum, not in its program. Nothing is downloaded
// for that: go mod tidy would ask for the tests of what is imported.
func TestImportersNeedNoPrometheus(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module consumer\n\ngo 1.26.0\n\nrequire github.com/fairlead-go/fairlead v0.0.0\n\nreplace github.com/fairlead-go/fairlead => "+root+"\n")
	write(t, filepath.Join(dir, "main.go"), `package main

import (
	"net/http"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

func main() {
	router, err := balancer.New(&balancer.Config{})
	if err == nil {
		_ = http.Client{Transport: cloudhttp.NewTransport(router)}
	}
}
`)
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("list", "-deps", ".") // completes go.mod, for which it looks at all modules
	if err := os.Remove(filepath.Join(dir, "go.sum")); err != nil {
		t.Fatal(err)
	}
	linked := command("list", "-deps", ".") // and this looks at those that go.mod names
	command("build", "-o", os.DevNull, ".")
	for what, text := range map[string]string{
		"go.mod": read(t, filepath.Join(dir, "go.mod")), "go.sum": read(t, filepath.Join(dir, "go.sum")), "the program": linked,
	} {
		for _, no := range []string{"prometheus", "google.golang.org/grpc/balancer"} {
			if strings.Contains(text, no) {
				t.Errorf("%s has %s:\n%s", what, no, text)
			}
		}
	}
	if !strings.Contains(linked, "go.opentelemetry.io/otel/metric") {
		t.Error("the program doesn't have what the core needs")
	}
}
