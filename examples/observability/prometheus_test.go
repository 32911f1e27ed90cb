package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// compressed is how many times faster than in life the test's Prometheus counts.
const compressed = 60

// promtool accepts the rules, and its tests of them pass.
func TestRules(t *testing.T) {
	promtool := program(t, "promtool")
	fast := filepath.Join(t.TempDir(), "rules.yml")
	write(t, fast, faster(read(t, "prometheus/rules.yml"), compressed))
	for _, args := range [][]string{
		{"check", "rules", "prometheus/rules.yml"},
		{"check", "rules", fast},
		{"check", "config", "prometheus/prometheus.yml"},
		{"test", "rules", "prometheus/rules_test.yml"},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// A real Prometheus scrapes the example. It has every metric that a file names, each
// panel of the dashboard shows something, and the alert of a killed cloud fires, that
// of the other doesn't.
func TestPrometheus(t *testing.T) {
	binary := program(t, "prometheus")
	ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
	defer cancel()

	example, out := free(t), new(bytes.Buffer)
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() {
		_, err := run(running, example, 0, out)
		ended <- err
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the example said:\n%s", out)
		}
	}()

	p := startPrometheus(ctx, t, binary, example.Addr().String())
	files := map[string]string{
		"rules":     faster(read(t, "prometheus/rules.yml"), compressed),
		"dashboard": faster(read(t, "grafana/dashboard.json"), compressed),
		"keda":      read(t, "kubernetes/keda.yaml"),
		"hpa":       read(t, "kubernetes/hpa.yaml"),
	}
	queries := panelQueries(t, files["dashboard"])
	if len(queries) < 25 {
		t.Errorf("the dashboard has %d queries", len(queries))
	}
	kill := func() {
		resp, err := http.Post("http://"+example.Addr().String()+"/kill/onprem", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("killing a cloud: status %d", resp.StatusCode)
		}
	}
	p.until(ctx, "calls are scraped", func() (string, bool) {
		n := p.query(ctx, `sum(rate(fairlead_calls_total[5s])) > 50`)
		return fmt.Sprint(n, " results"), n > 0
	})
	if alerts := p.firing(ctx); len(alerts) > 0 {
		t.Errorf("while all is well there are alerts: %v", alerts)
	}
	kill()
	p.until(ctx, "the alert of the killed cloud", func() (string, bool) {
		alerts := p.firing(ctx)
		return fmt.Sprint(alerts), slices.Contains(alerts, "FairleadCloudDown onprem")
	})
	if alerts := p.firing(ctx); slices.Contains(alerts, "FairleadCloudDown gcp") {
		t.Errorf("the other cloud has an alert, too: %v", alerts)
	}
	p.until(ctx, "data for each query of the dashboard", func() (string, bool) {
		queries = slices.DeleteFunc(queries, func(q string) bool { return p.query(ctx, q) > 0 })
		return strings.Join(queries, "\n"), len(queries) == 0
	})
	there := p.names(ctx)
	for file, text := range files {
		for _, name := range metricsIn(text) {
			if !slices.Contains(there, name) {
				t.Errorf("%s names %s, which there isn't", file, name)
			}
		}
	}
}

// scraper is a Prometheus that runs.
type scraper struct {
	t       *testing.T
	address string
}

// startPrometheus starts one that scrapes the target with the compressed rules. It
// ends with the test.
func startPrometheus(ctx context.Context, t *testing.T, binary, target string) *scraper {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yml"), faster(read(t, "prometheus/rules.yml"), compressed))
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: observability, static_configs: [{targets: [%q]}]}
`, target))
	listener := free(t)
	p := &scraper{t: t, address: listener.Addr().String()}
	listener.Close()
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		said.Close()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", read(t, said.Name()))
		}
	})
	p.until(ctx, "prometheus is ready", func() (string, bool) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/-/ready", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err.Error(), false
		}
		resp.Body.Close()
		return resp.Status, resp.StatusCode == http.StatusOK
	})
	return p
}

// until asks until it is so. It fails when the test's time is over, and says what
// was found last.
func (p *scraper) until(ctx context.Context, what string, is func() (found string, so bool)) {
	p.t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for found := "nothing"; ; {
		select {
		case <-ctx.Done():
			p.t.Fatalf("the time is over, waiting for: %s; there is: %s", what, found)
		case <-ticker.C:
		}
		var so bool
		if found, so = is(); so {
			return
		}
	}
}

// get asks the API for a path and reads the answer's data.
func (p *scraper) get(ctx context.Context, path string, data any) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("%s: %v\n%s", path, err, body)
	}
}

// query returns how many results an instant query has.
func (p *scraper) query(ctx context.Context, expr string) int {
	p.t.Helper()
	var data struct{ Result []json.RawMessage }
	p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

// firing returns the alerts that fire, with their clouds.
func (p *scraper) firing(ctx context.Context) (alerts []string) {
	p.t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	p.get(ctx, "/api/v1/alerts", &data)
	for _, a := range data.Alerts {
		if a.State == "firing" {
			alerts = append(alerts, strings.TrimSpace(a.Labels["alertname"]+" "+a.Labels["cloud"]))
		}
	}
	return alerts
}

// names returns the names of all metrics.
func (p *scraper) names(ctx context.Context) (names []string) {
	p.t.Helper()
	p.get(ctx, "/api/v1/label/__name__/values", &names)
	return names
}

// free listens on a free port.
func free(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// program finds a program. In CI it must be there.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed", name)
	default:
		t.Skipf("%s is not installed", name)
	}
	return path
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
