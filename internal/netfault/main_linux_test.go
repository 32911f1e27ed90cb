package netfault

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// The environment of this program when it is started once more.
const (
	insideEnv = "FAIRLEAD_NETFAULT_INSIDE" // as the test, in a namespace of its own
	serverEnv = "FAIRLEAD_NETFAULT_SERVER" // as a server, at this address
	flawEnv   = "FAIRLEAD_NETFAULT_FLAW"   // as a server of which each so-many-th call fails
	memberEnv = "FAIRLEAD_NETFAULT_MEMBER" // as a client with this config file
	rateEnv   = "FAIRLEAD_NETFAULT_RATE"   // as a client that makes so many calls per second
)

var withFaults = flag.Bool("faults", false, "let the network, hosts and processes of a cloud fail for real; needs root and 240 s")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin") // where the tools may be
	switch {
	case os.Getenv(serverEnv) != "":
		flaw, _ := strconv.ParseInt(os.Getenv(flawEnv), 10, 64)
		fmt.Fprintln(os.Stderr, serve(os.Getenv(serverEnv), flaw))
		os.Exit(1)
	case os.Getenv(memberEnv) != "":
		rate, _ := strconv.Atoi(os.Getenv(rateEnv))
		if err := follow(os.Getenv(memberEnv), rate); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv(insideEnv) == "" && *withFaults && missing() == nil:
		os.Exit(inside())
	}
	goleak.VerifyTestMain(m)
}

// missing says why there can be no namespaces.
func missing() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make network namespaces")
	}
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed", tool)
		}
	}
	try := exec.Command("true")
	try.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := try.Run(); err != nil {
		return fmt.Errorf("this system lets nobody make a network namespace: %w", err)
	}
	return nil
}

// need skips the test if it isn't asked for, or if there can be no namespaces; in
// CI there must be.
func need(t *testing.T) {
	t.Helper()
	switch {
	case os.Getenv(insideEnv) != "":
	case !*withFaults:
		t.Skip("takes 240 s and root: run with -faults")
	case os.Getenv("CI") == "true":
		t.Fatal(missing())
	default:
		t.Skip(missing())
	}
}

// inside runs this program again in a new network namespace, which is empty,
// and returns its exit status.
func inside() int {
	runtime.LockOSThread() // Pdeathsig means the death of this thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}
