package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// TestMain lets this test's own program be an endpoint, as the quickstart's is.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(endpointEnv) != "":
		if err := serve(os.Getenv(endpointEnv), os.Getenv(addressEnv)); err != nil {
			os.Exit(1)
		}
	case os.Getenv(orphanEnv) != "":
		orphan()
	default:
		os.Exit(m.Run())
	}
}

// get asks an endpoint for a route and returns its answer.
func get(t *testing.T, address string, patience time.Duration) (string, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get("http://" + address + "/v1/route")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestCloudsLiveAndDie(t *testing.T) {
	if !canFreeze {
		t.Skip("no process can be frozen here")
	}
	clouds, err := startClouds()
	if err != nil {
		t.Fatal(err)
	}
	defer clouds.stop()
	onprem := clouds["onprem"]
	address := onprem.addresses[1]
	answers := func(when string) {
		t.Helper()
		if body, err := get(t, address, 10*time.Second); err != nil || !strings.Contains(body, `"cloud":"onprem"`) {
			t.Errorf("%s: %q, %v", when, body, err)
		}
	}
	answers("started")
	for _, step := range []struct {
		name       string
		fault, end func() error
		frozen     bool
	}{
		{"killed", onprem.kill, onprem.start, false},
		{"frozen", onprem.freeze, onprem.thaw, true},
	} {
		if err := step.fault(); err != nil {
			t.Fatal(err)
		}
		_, err := get(t, address, 100*time.Millisecond)
		var timeout interface{ Timeout() bool }
		if err == nil || errors.As(err, &timeout) && timeout.Timeout() != step.frozen {
			t.Errorf("%s: %v", step.name, err)
		}
		if err := step.end(); err != nil {
			t.Fatal(err)
		}
		answers("after being " + step.name)
	}
	if onprem.addresses[1] != address {
		t.Errorf("came back at %s, was at %s", onprem.addresses[1], address)
	}
}

func TestConfigIsGood(t *testing.T) {
	all := clouds{
		"onprem": {addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}},
		"gcp":    {addresses: []string{"127.0.0.1:3"}},
	}
	cfg, err := balancer.ParseConfig(all.config())
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Services["routing-api"].Clouds["onprem"].HTTP; len(got) != 2 || got[1] != "http://127.0.0.1:2" {
		t.Errorf("onprem has %q", got)
	}
	for name, share := range split {
		if got := float64(cfg.Clouds[name].Weight) / 100; got != share {
			t.Errorf("%s has weight %v, the report expects %v", name, got, share)
		}
	}
	var names []string
	for _, tier := range cfg.Tiers {
		names = append(names, tier.Name)
	}
	if strings.Join(names, " ") != strings.Join(tierNames, " ") {
		t.Errorf("tiers are %q, want %q", names, tierNames)
	}
}

// orphanEnv makes this program start a cloud, freeze one of its endpoints, say
// where they are and wait to be killed.
const orphanEnv = "FAIRLEAD_QUICKSTART_TEST_ORPHAN"

func orphan() {
	c := &cloud{name: "onprem", addresses: []string{"127.0.0.1:0", "127.0.0.1:0"}}
	if c.start() != nil || freeze(c.processes[0].cmd.Process) != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(strings.Join(c.addresses, " ") + "\n")
	select {}
}

// The endpoints end with the quickstart, also when it is killed, and also while
// they are frozen.
func TestEndpointsDieWithTheirParent(t *testing.T) {
	if !canFreeze {
		t.Skip("no process can be frozen here")
	}
	// The endpoints don't inherit standard output, but standard error: its end
	// is theirs.
	stderr, inherited, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orphanEnv+"=1")
	cmd.Stderr = inherited
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	inherited.Close()
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	stderr.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, stderr); err != nil {
		t.Fatalf("the endpoints outlived their parent: %v", err)
	}
	for _, address := range strings.Fields(line) {
		if body, err := get(t, address, time.Second); err == nil {
			t.Errorf("%s still answers %q", address, body)
		}
	}
}
