package netfault

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// member is a client process and what it has told so far.
type member struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	messages chan message // closed when it ends

	failures []string
	stood    time.Duration
	end      memberEnd
}

// mostMessages may wait to be read: more calls than a case makes.
const mostMessages = 1 << 15

// newMember starts a client process, which is gone when the test ends.
func newMember(t *testing.T, file string, rate int) *member {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &member{cmd: exec.Command(program), messages: make(chan message, mostMessages)}
	m.cmd.Env = append(os.Environ(), memberEnv+"="+file, fmt.Sprintf("%s=%d", rateEnv, rate))
	m.cmd.Stderr = os.Stderr
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go m.read(stdout)
	t.Cleanup(m.kill)
	return m
}

func (m *member) read(told io.Reader) {
	defer close(m.messages)
	for lines := json.NewDecoder(told); ; {
		var one message
		if lines.Decode(&one) != nil {
			return // it has ended, perhaps in the middle of a line
		}
		m.messages <- one
	}
}

// kill kills the process and returns when it is gone and all that it told is taken
// in.
func (m *member) kill() {
	m.cmd.Process.Kill()
	m.stdin.Close()
	for one := range m.messages {
		m.take(&one)
	}
	m.cmd.Wait() // its error says that it was killed
}

func (m *member) order(words ...string) error {
	_, err := io.WriteString(m.stdin, strings.Join(words, " ")+"\n")
	return err
}

func (m *member) take(one *message) {
	m.stood = max(m.stood, one.Stood)
	if one.Failed != "" {
		m.failures = append(m.failures, one.Failed)
	}
	if one.End != nil {
		m.end = *one.End
	}
}

// hears takes messages in until there is one that is waited for. The error says what
// didn't come.
func (m *member) hears(what string, within time.Duration, is func(*message) bool) (*message, error) {
	deadline := time.After(within)
	for {
		select {
		case one, ok := <-m.messages:
			if !ok {
				return nil, fmt.Errorf("a client ended before it said that %s", what)
			}
			m.take(&one)
			if is(&one) {
				return &one, nil
			}
		case <-deadline:
			return nil, fmt.Errorf("a client did not say within %v that %s", within, what)
		}
	}
}

// changed waits for news of a change.
func (m *member) changed(id, what string, within time.Duration, is func(*changeNews) bool) (*changeNews, error) {
	one, err := m.hears(what, within, func(told *message) bool { return told.Change != nil && told.Change.ID == id && is(told.Change) })
	if err != nil {
		return nil, err
	}
	return one.Change, nil
}
