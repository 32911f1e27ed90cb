package clouds

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain lets this test's own program be an endpoint.
func TestMain(m *testing.M) {
	Serve(greet)
	if os.Getenv(orphanEnv) != "" {
		orphan()
	}
	os.Exit(m.Run())
}

// greet tells everybody who connects the name of the cloud.
func greet(cloud string, on net.Listener) error {
	for {
		conn, err := on.Accept()
		if err != nil {
			return err
		}
		io.WriteString(conn, cloud)
		conn.Close()
	}
}

// greeting is what the endpoint at the address says.
func greeting(address string, patience time.Duration) (string, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	said, err := io.ReadAll(conn)
	return string(said), err
}

func TestCloudsLiveAndDie(t *testing.T) {
	if !CanFreeze {
		t.Skip("no process can be frozen here")
	}
	all, err := Start(3, "onprem", "gcp")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Stop()
	onprem := all["onprem"]
	address := onprem.Addresses[1]
	answers := func(when string) {
		t.Helper()
		if said, err := greeting(address, 10*time.Second); err != nil || said != "onprem" {
			t.Errorf("%s: %q, %v", when, said, err)
		}
	}
	answers("started")
	for _, step := range []struct {
		name       string
		fault, end func() error
		frozen     bool
	}{
		{"killed", onprem.Kill, onprem.Start, false},
		{"frozen", onprem.Freeze, onprem.Thaw, true},
	} {
		if err := step.fault(); err != nil {
			t.Fatal(err)
		}
		patience := 10 * time.Second
		if step.frozen {
			patience = 100 * time.Millisecond // nothing comes
		}
		_, err := greeting(address, patience)
		var timeout interface{ Timeout() bool }
		if err == nil || errors.As(err, &timeout) && timeout.Timeout() != step.frozen {
			t.Errorf("%s: %v", step.name, err)
		}
		if err := step.end(); err != nil {
			t.Fatal(err)
		}
		answers("after being " + step.name)
	}
	if onprem.Addresses[1] != address {
		t.Errorf("came back at %s, was at %s", onprem.Addresses[1], address)
	}
}

func TestConfig(t *testing.T) {
	all := Clouds{"onprem": {Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"}}, "gcp": {Addresses: []string{"127.0.0.1:3"}}}
	got := string(all.Config("[{{join .onprem}}] [{{urls .onprem}}] [{{urls .gcp}}]"))
	if want := "[127.0.0.1:1, 127.0.0.1:2] [http://127.0.0.1:1, http://127.0.0.1:2] [http://127.0.0.1:3]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// orphanEnv makes this program start a cloud, freeze one of its endpoints, say
// where they are and wait to be killed.
const orphanEnv = "FAIRLEAD_TEST_ORPHAN"

func orphan() {
	all, err := Start(2, "onprem")
	if err != nil || freeze(all["onprem"].processes[0].cmd.Process) != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(strings.Join(all["onprem"].Addresses, " ") + "\n")
	select {}
}

// The endpoints end with the program, also when it is killed, and also while they
// are frozen.
func TestEndpointsDieWithTheirParent(t *testing.T) {
	if !CanFreeze {
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
		if said, err := greeting(address, time.Second); err == nil {
			t.Errorf("%s still says %q", address, said)
		}
	}
}
