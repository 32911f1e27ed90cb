package interop_test

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"testing"
)

// loops are processes each of which runs one case over and over.
type loops struct {
	all  []*loop
	says chan line
}

// loop is one of them.
type loop struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer // closing it ends the loop
	stderr bytes.Buffer
}

// line is what a loop says: see repeat.
type line struct {
	of   *loop
	text string // "" if the loop has ended
}

// start starts a loop between two clouds.
func (l *loops) start(t *testing.T, name string, a, b *cloud) {
	t.Helper()
	if l.says == nil {
		l.says = make(chan line)
	}
	lp := &loop{name: name, cmd: process(t, "loop", name, a.address, b.address)}
	lp.cmd.Stderr = &lp.stderr
	stdin, err := lp.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := lp.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lp.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lp.stdin = stdin
	l.all = append(l.all, lp)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			l.says <- line{lp, lines.Text()}
		}
		l.says <- line{of: lp}
	}()
}

// await returns when each loop has said each of the texts n more times.
func (l *loops) await(t *testing.T, n int, texts ...string) {
	t.Helper()
	missing := make(map[line]int)
	for _, lp := range l.all {
		for _, text := range texts {
			missing[line{lp, text}] = n
		}
	}
	for len(missing) > 0 {
		is := <-l.says
		if is.text == "" {
			t.Fatalf("%s: %v\n%s", is.of.name, is.of.cmd.Wait(), is.of.stderr.Bytes())
		}
		if missing[is]--; missing[is] <= 0 {
			delete(missing, is)
		}
	}
}

// end lets each loop finish its turn.
func (l *loops) end(t *testing.T) {
	t.Helper()
	for _, lp := range l.all {
		lp.stdin.Close()
	}
	for running := len(l.all); running > 0; {
		if is := <-l.says; is.text == "" {
			running--
		}
	}
	for _, lp := range l.all {
		if err := lp.cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", lp.name, err, lp.stderr.Bytes())
		}
	}
}
