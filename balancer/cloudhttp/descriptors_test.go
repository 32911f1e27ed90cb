//go:build linux

package cloudhttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// descriptorsEnv has the endpoints for the process that runs out of file
// descriptors.
const descriptorsEnv = "CLOUDHTTP_TEST_ENDPOINTS"

// TestFewDescriptors runs a client with 256 file descriptors and 500 calls in
// flight in a process of its own. The servers have all they need.
func TestFewDescriptors(t *testing.T) {
	slow := calls(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
	})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFewDescriptorsClient$", "-test.v")
	cmd.Env = append(os.Environ(), descriptorsEnv+"="+newQuietServer(t, slow)+" "+newQuietServer(t, slow))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "calls") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func TestFewDescriptorsClient(t *testing.T) {
	endpoints := strings.Fields(os.Getenv(descriptorsEnv))
	if len(endpoints) != 2 {
		t.Skip("is part of TestFewDescriptors")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 256, Max: 256}); err != nil {
		t.Fatal(err)
	}
	cfg := config(endpoints[:1], endpoints[1:])
	cfg.Clouds["first"], cfg.Clouds["second"] = balancer.Cloud{}, balancer.Cloud{}
	cfg.Tiers[0].Timeout = 3 * time.Second
	e := newEnv(t, cfg)
	get := func() error {
		resp, err := e.client.Get("http://routing-api/")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return err
	}
	var good, short atomic.Int64
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			err := get()
			var call *balancer.CallError
			switch {
			case err == nil:
				good.Add(1)
			case errors.As(err, &call) && errors.Is(err, syscall.EMFILE):
				short.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d calls were answered, %d found no file descriptor\n", good.Load(), short.Load())
	if good.Load() == 0 || short.Load() == 0 {
		t.Errorf("%d calls were answered, %d were not", good.Load(), short.Load())
	}
	began := time.Now()
	for i := range 5 {
		if err := get(); err != nil {
			t.Errorf("call %d, %v after the storm: %v", i, time.Since(began), err)
		}
	}
	for _, c := range e.router.Status().Services[0].Clouds {
		if c.State.String() == "down" {
			t.Errorf("%s, though the fault was on this side", c)
		}
	}
}
