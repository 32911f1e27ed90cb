//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// Four nginx are two clouds. While requests are sent through them, both
// servers of one cloud are killed and later started again: no request fails,
// and the cloud comes back. The requests end when it has, which takes a busy
// machine longer.
func TestNginx(t *testing.T) {
	program := nginxProgram(t)
	onprem := []*nginx{newNginx(t, program), newNginx(t, program)}
	gcp := []*nginx{newNginx(t, program), newNginx(t, program)}

	const requests = 60_000 // at most
	cfg, err := balancer.ParseConfig(fmt.Appendf(nil, `
clouds:
  onprem: {weight: 70}
  gcp:    {weight: 30}
services:
  routing-api:
    clouds:
      onprem: {http: [%s, %s]}
      gcp:    {http: [%s, %s]}
tiers:
  - {name: critical, protected: true, attempts: 3, timeout: 5s}
`, onprem[0].url(), onprem[1].url(), gcp[0].url(), gcp[1].url()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(map[*nginx]int) // before they were killed
	after := func() (sum int) {
		for n, before := range served {
			sum += n.served(t) - before
		}
		return sum
	}
	const enough = 100
	progress := make(chan string, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for line := range progress {
			switch {
			case strings.HasPrefix(line, "6000 requests"):
				for _, n := range onprem {
					n.kill()
					served[n] = n.served(t)
				}
			case strings.HasPrefix(line, "12000 requests"):
				for _, n := range onprem {
					if err := n.start(); err != nil {
						t.Error(err)
					}
				}
				for ctx.Err() == nil && after() < enough {
					<-time.After(20 * time.Millisecond)
				}
				stop()
			}
		}
	})
	var b strings.Builder
	out := io.MultiWriter(&b, lines(progress))
	err = run(ctx, cfg, order{url: "http://routing-api/v1/route", requests: requests, atOnce: 16, rate: 1500}, out)
	stop()
	close(progress)
	wg.Wait()
	t.Logf("\n%s", &b)
	if err != nil {
		t.Error(err)
	}
	if !regexp.MustCompile(`answers: 200 × \d+\n`).MatchString(b.String()) {
		t.Error("not every answer was 200")
	}
	for n, before := range served {
		if before == 0 {
			t.Errorf("%s served nothing before it was killed", n.url())
		}
	}
	if n := after(); len(served) < len(onprem) || n < enough {
		t.Errorf("the cloud served %d requests after it was started again", n)
	}
}

// lines is a writer that sends what is written.
type lines chan<- string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// nginxProgram finds nginx. In CI it must be there.
func nginxProgram(t *testing.T) string {
	program, err := exec.LookPath("nginx")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/nginx") // not in everyone's PATH
	}
	switch {
	case err == nil:
		return program
	case os.Getenv("CI") == "true":
		t.Fatal("nginx is not installed")
	default:
		t.Skip("nginx is not installed")
	}
	return ""
}

// nginx is a server of one process, which can be killed and started again on
// the same port.
type nginx struct {
	program string
	dir     string
	address string
	cmd     *exec.Cmd
}

// newNginx starts nginx on a free port.
func newNginx(t *testing.T, program string) *nginx {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nginx{program: program, dir: t.TempDir(), address: free.Addr().String()}
	free.Close()
	config := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events { worker_connections 512; }
http {
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	log_format path '$uri';
	access_log %[1]s/access.log path;
	server {
		listen %[2]s;
		location = /healthz { return 200 "ok\n"; }
		location = /v1/route { return 200 "a route\n"; }
	}
}
`, n.dir, n.address)
	if err := os.WriteFile(n.file("nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	return n
}

func (n *nginx) url() string             { return "http://" + n.address }
func (n *nginx) file(name string) string { return filepath.Join(n.dir, name) }

// start starts the process and returns when it answers.
func (n *nginx) start() error {
	n.cmd = exec.Command(n.program, "-p", n.dir, "-e", "stderr", "-c", n.file("nginx.conf"))
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	var err error
	for range 500 {
		var resp *http.Response
		if resp, err = client.Get(n.url() + "/healthz"); err == nil {
			resp.Body.Close()
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return fmt.Errorf("nginx does not answer: %w", err)
}

// kill kills the process and returns when it is gone.
func (n *nginx) kill() {
	n.cmd.Process.Kill()
	n.cmd.Wait()
}

// served returns the number of requests that the access log has, probes not
// counted.
func (n *nginx) served(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(n.file("access.log"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte("/v1/route\n"))
}
