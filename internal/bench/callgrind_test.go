package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

var (
	callgrind    = flag.Bool("callgrind", false, "count instructions with valgrind, minutes")
	countedName  = flag.String("callgrind.policy", "", "make picks through this policy: what runs under valgrind")
	countedSize  = flag.Int("callgrind.endpoints", fewest, "endpoints in each of two clouds")
	countedPicks = flag.Int("callgrind.picks", 0, "number of picks")
)

// Limits of instructions. They repeat within 1 %, whatever else the machine does.
const (
	mostInstructions = 450  // of a pick and its Done through fairlead, one in eight timed
	mostTimed        = 1450 // each timed: that is what fairlead does, as it counts slow answers exactly
	mostGrowth       = 1.05 // × with 2 × 5,000 endpoints instead of 2 × 5
)

// TestCallgrind prints how many instructions a pick and its Done are. It fails if
// fairlead's are too many, or grow with the number of endpoints.
//
// Under valgrind there is no vDSO: a look at the clock is a system call there,
// of which only the part in the program is counted, and the twenty-odd
// instructions that the vDSO would take are not.
func TestCallgrind(t *testing.T) {
	if *countedName != "" {
		t.Skip("is counted itself")
	}
	if !*callgrind {
		t.Skip("needs -callgrind")
	}
	if _, err := exec.LookPath("valgrind"); err != nil {
		t.Skip("valgrind is not installed")
	}
	binary := buildTests(t)
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s %10s %10s %8s\n", "", "2x5", "2x5000", "ratio")
	for _, p := range policies {
		few, many := instructions(t, binary, p.name, fewest), instructions(t, binary, p.name, most)
		fmt.Fprintf(&b, "%-22s %10.0f %10.0f %8.3f\n", p.name, few, many, many/few)
		if !strings.HasPrefix(p.name, "fairlead") {
			continue
		}
		if most := map[string]float64{sampled: mostInstructions, everyTimed: mostTimed}[p.floor]; most > 0 && few > most {
			t.Errorf("%s: %.0f instructions, may be %.0f", p.name, few, most)
		}
		if math.Max(few/many, many/few) > mostGrowth {
			t.Errorf("%s: %.0f instructions with few endpoints, %.0f with many", p.name, few, many)
		}
	}
	t.Log("\n" + b.String())
}

// buildTests returns the tests of this package as a program. What go test builds to
// run at once has no symbols.
func buildTests(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "bench.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// instructions returns those of one pick, by the difference of two runs, so that
// what is the same in both cancels.
func instructions(t *testing.T, binary, name string, size int) float64 {
	const few, many = 20_000, 60_000
	return float64(count(t, binary, name, size, many)-count(t, binary, name, size, few)) / (many - few)
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// count returns the instructions of so many picks and all that belongs to them.
func count(t *testing.T, binary, name string, size, picks int) int {
	t.Helper()
	return collect(t, binary, "pickLoop", "TestCounted", "-callgrind.policy="+name,
		"-callgrind.endpoints="+strconv.Itoa(size), "-callgrind.picks="+strconv.Itoa(picks))
}

// collect runs a test of the binary under callgrind. Only what one function runs is
// counted: its goroutine has its thread for itself, so the work of others isn't.
func collect(t *testing.T, binary, function, test string, args ...string) int {
	t.Helper()
	cmd := exec.Command("valgrind", append([]string{"--tool=callgrind", "--toggle-collect=*bench." + function,
		"--callgrind-out-file=" + filepath.Join(t.TempDir(), "out"), binary, "-test.run=^" + test + "$"}, args...)...)
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	out, err := cmd.CombinedOutput()
	m := collected.FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%s: %v\n%s", args, err, out)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil || n == 0 {
		t.Fatalf("%d instructions, %v", n, err)
	}
	return n
}

// TestCounted is what runs under valgrind.
func TestCounted(t *testing.T) {
	if *countedName == "" {
		t.Skip("TestCallgrind runs it")
	}
	for _, p := range policies {
		if p.name == *countedName {
			e := newPicking(p, p.open(t, twoClouds(*countedSize), true))
			e.run(t, 1000)         // until all that is made once has been made
			runtime.LockOSThread() // for good: the test ends here
			e.run(t, *countedPicks)
			return
		}
	}
	t.Fatalf("there is no policy %q", *countedName)
}
