package sla

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrCorrupt means that what a store holds can't be read.
var ErrCorrupt = errors.New("the saved counts can't be read")

// File is the path of a file that is a [Store]. Its directory must exist.
//
// The file has a line with the version of its format and a checksum (SHA-256),
// and then the snapshot as JSON. It is written beside and renamed, so that
// there is always a whole one, also after a crash or loss of power. What can't be
// read is set aside, as the same name with ".corrupt" added, and the error says
// why. It is at most 64 MiB large: 1,000 contracts with counts in each second,
// minute and hour take about 15 MiB.
type File string

const (
	fileHeader  = "fairlead-sla 1 sha256:"
	mostFile    = 64 << 20 // bytes
	corruptFile = ".corrupt"
	newFile     = ".new"
)

// Load reads the file. One that isn't there is empty.
func (f File) Load(context.Context) (Snapshot, error) {
	data, err := f.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Snapshot{}, nil
	case err != nil:
		return Snapshot{}, fmt.Errorf("sla: %w", err)
	}
	s, err := decode(data)
	if err == nil {
		return s, nil
	}
	err = fmt.Errorf("sla: %s: %w: %w", string(f), ErrCorrupt, err)
	if aside := os.Rename(string(f), string(f)+corruptFile); aside != nil {
		return Snapshot{}, fmt.Errorf("%w; it could not be set aside: %w", err, aside)
	}
	return Snapshot{}, fmt.Errorf("%w; it is set aside as %s", err, string(f)+corruptFile)
}

func (f File) read() ([]byte, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, mostFile+1))
}

// Save writes the file.
func (f File) Save(_ context.Context, s Snapshot) error {
	data, err := encode(s)
	if err == nil {
		err = f.replace(data)
	}
	if err != nil {
		return fmt.Errorf("sla: %w", err)
	}
	return nil
}

// replace puts data in the place of what the file has. Only the owner may read
// it: names of customers may be in it.
func (f File) replace(data []byte) error {
	beside := string(f) + newFile
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that crashed
		return err
	}
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync() // before the rename, or a crash could leave an empty file
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(beside, string(f))
	}
	if err != nil {
		os.Remove(beside)
		return err
	}
	syncDir(filepath.Dir(string(f)))
	return nil
}

// syncDir makes the rename last. Not every system can, and the file is whole
// either way.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// encode returns a snapshot as a file.
func encode(s Snapshot) ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	data := fmt.Appendf(nil, "%s%x\n", fileHeader, sha256.Sum256(body))
	data = append(append(data, body...), '\n')
	if len(data) > mostFile {
		return nil, fmt.Errorf("the counts take %d bytes, at most %d", len(data), mostFile)
	}
	return data, nil
}

// decode reads what encode has written.
func decode(data []byte) (Snapshot, error) {
	if len(data) > mostFile {
		return Snapshot{}, fmt.Errorf("it has more than %d bytes", mostFile)
	}
	header, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || !bytes.HasPrefix(header, []byte(fileHeader)) {
		return Snapshot{}, errors.New("it doesn't begin as this version writes it")
	}
	body = bytes.TrimSuffix(body, []byte("\n"))
	if sum := fmt.Sprintf("%s%x", fileHeader, sha256.Sum256(body)); sum != string(header) {
		return Snapshot{}, errors.New("the checksum is wrong")
	}
	var s Snapshot
	if err := json.Unmarshal(body, &s); err != nil {
		return Snapshot{}, err
	}
	return s, s.Validate()
}
