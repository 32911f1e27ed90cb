package balancer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ChangeStore keeps the changes that were applied to one process, and what was
// given up or cancelled, so that a restart doesn't forget. Its methods are never
// called by two goroutines at a time.
type ChangeStore interface {
	// Load returns what was saved last, nil if nothing was.
	Load() ([]byte, error)
	// Save replaces what was saved before, as a whole or, with an error, not at
	// all.
	Save([]byte) error
}

// ChangeFile is the path of a file that is a [ChangeStore]. Its directory must
// exist. Each process has its own.
//
// The file has a line with the version of its format and a checksum (SHA-256), and
// then JSON. It is written beside and renamed, so that there is always a whole one.
// What can't be read is set aside, as the same name with ".corrupt" added.
type ChangeFile string

const (
	changeHeader = "fairlead-changes 1 sha256:"
	mostChanges  = 1 << 20 // bytes
)

// Load reads the file. One that isn't there is empty.
func (f ChangeFile) Load() ([]byte, error) {
	data, err := readFile(string(f), mostChanges+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if len(data) <= mostChanges && string(first) == changeHeader+fmt.Sprintf("%x", sha256.Sum256(rest)) {
		return rest, nil
	}
	aside := string(f) + ".corrupt"
	if err := os.Rename(string(f), aside); err != nil {
		return nil, fmt.Errorf("%s is damaged, and could not be set aside: %w", string(f), err)
	}
	return nil, fmt.Errorf("%s is damaged; it is set aside as %s", string(f), aside)
}

// Save writes the file. The error may be that there are too many changes: more than
// Load would read, which is 1 MiB.
func (f ChangeFile) Save(data []byte) error {
	text := fmt.Appendf(nil, "%s%x\n", changeHeader, sha256.Sum256(data))
	if size := len(text) + len(data); size > mostChanges {
		return fmt.Errorf("the changes have %d bytes, and may have %d", size, mostChanges)
	}
	file, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, data...))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncDir(filepath.Dir(string(f)))
}

// syncDir makes a rename last through a loss of power, where the system can.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // some file systems don't know it
	return dir.Close()
}

// saveChanges saves what is to survive a restart. It does nothing without a store.
func (r *Router) saveChanges() error {
	if r.store == nil {
		return nil
	}
	r.storeMu.Lock()
	defer r.storeMu.Unlock()
	r.mu.Lock()
	data, err := r.agenda.Save()
	r.mu.Unlock()
	if err != nil || bytes.Equal(data, r.stored) {
		return err
	}
	if err := r.store.Save(data); err != nil {
		return err
	}
	r.stored = data
	return nil
}

// keepChanges saves what the controller has decided.
func (r *Router) keepChanges() {
	if err := r.saveChanges(); err != nil {
		r.log.Error("changes could not be saved, a restart will forget them", "error", err)
	}
}

// loadChanges returns what was saved. Without it the router goes on: a service
// that doesn't start is worse than a drain that is forgotten, and the log says so.
func (r *Router) loadChanges() []byte {
	if r.store == nil {
		return nil
	}
	data, err := r.store.Load()
	if err != nil {
		r.log.Error("saved changes could not be read, what was applied is forgotten", "error", err)
		return nil
	}
	r.stored = data
	return data
}
