package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

// edited is a config file that is about to be changed.
type edited struct {
	path   string // with links followed
	shown  string // as the command line has it
	before []byte
	config *balancer.Config
	doc    *document
}

// edit reads the file to be changed. The error is about a file that has faults:
// what was refused before isn't made worse.
func edit(file string) (*edited, error) {
	cfg, err := balancer.Load(file)
	if err != nil {
		return nil, err
	}
	f := &edited{shown: file, config: cfg}
	if f.path, err = filepath.EvalSymlinks(file); err != nil {
		return nil, err
	}
	if f.before, err = os.ReadFile(f.path); err != nil {
		return nil, err
	}
	if f.doc, err = open(f.before); err != nil {
		return nil, err
	}
	return f, nil
}

// byHand is the refusal of a file that is written in a way that isn't edited.
func byHand(err error, record []string) error {
	text := err.Error()
	if len(record) > 0 {
		text += "\nAdd this to changes by hand:\n" + strings.Join(item(record, 2), "\n")
	}
	return errors.New(text)
}

// add adds a change to the text.
func (f *edited) add(c failover.Change) error {
	want := append(slices.Clone(f.config.Changes), c)
	if err := f.doc.add(record(c)); err != nil {
		return byHand(err, record(c))
	}
	return f.check(want)
}

// remove takes a change out of the text.
func (f *edited) remove(i int) error {
	want := slices.Delete(slices.Clone(f.config.Changes), i, i+1)
	if err := f.doc.remove(i); err != nil {
		return byHand(err, nil)
	}
	return f.check(want)
}

// check reads the new text: it must be in order, and say what it said before but
// for the changes.
func (f *edited) check(changes []failover.Change) error {
	after, err := balancer.ParseConfig(f.doc.bytes())
	if err != nil {
		return refusedText(err)
	}
	want := *f.config
	want.Changes = changes
	if !same(&want, after) {
		return errors.New("the file is written in a way that isn't edited without harm; it is as it was")
	}
	f.config = after
	return nil
}

// refusedText is the error about a new text, whose lines nobody has seen.
func refusedText(err error) error {
	var faults *balancer.ConfigError
	if !errors.As(err, &faults) {
		return err
	}
	var lines []string
	for _, fault := range faults.Faults {
		lines = append(lines, fault.String())
	}
	return fmt.Errorf("refused, the file is as it was\n%s", strings.Join(lines, "\n"))
}

// same reports whether two configs mean the same.
func same(a, b *balancer.Config) bool {
	x, y := *a, *b
	if len(x.Changes) != len(y.Changes) {
		return false
	}
	for i := range x.Changes {
		c, d := x.Changes[i], y.Changes[i]
		if !c.Start.Equal(d.Start) || !c.End.Equal(d.End) {
			return false
		}
		c.Start, c.End = d.Start, d.End
		if strings.Join(record(c), "\n") != strings.Join(record(d), "\n") || c.Abort != d.Abort {
			return false
		}
	}
	x.Changes, y.Changes = nil, nil
	return reflect.DeepEqual(x, y)
}

// write puts the new text in the file's place, at once or not at all.
func (f *edited) write() (err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(f.doc.bytes())
	if err = errors.Join(err, file.Chmod(info.Mode().Perm()), file.Sync(), file.Close()); err != nil {
		return err
	}
	now, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, f.before) {
		return errors.New("somebody else has changed the file meanwhile; it is as they left it")
	}
	return os.Rename(file.Name(), f.path)
}

// diff writes which lines come and go.
func (f *edited) diff(w io.Writer) {
	var before []string
	for line := range bytes.Lines(f.before) {
		before = append(before, string(line))
	}
	after := f.doc.lines
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	for _, line := range before[head : len(before)-tail] {
		fmt.Fprintln(w, "  - "+strings.TrimRight(line, "\r\n"))
	}
	for _, line := range after[head : len(after)-tail] {
		fmt.Fprintln(w, "  + "+strings.TrimRight(line, "\r\n"))
	}
}
