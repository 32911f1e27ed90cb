package balancer

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// Load reads the configuration file at path. See [ParseConfig] for the format
// and for its errors, which then begin with the path. An error of reading the
// file wraps that of package os.
func Load(path string) (*Config, error) {
	data, err := readFile(path, configfile.MaxBytes+1)
	if err != nil {
		return nil, fmt.Errorf("balancer: cannot load the configuration: %w", err)
	}
	return parseConfig(path, data)
}

// ParseConfig reads a configuration in YAML, of which JSON is a part. It
// takes at most 1 MiB and exactly one document. Keys that it doesn't know, keys
// that occur twice, aliases, merge keys and tags are errors; so is everything
// that [Config.Validate] refuses. The error is a [*ConfigError] that lists
// every fault with its line and path.
//
// The result is the configuration as it is written: fields that were left out
// are zero, which stands for their default.
func ParseConfig(data []byte) (*Config, error) {
	return parseConfig("", data)
}

// parseConfig reads a configuration that came from the file, "" for none.
func parseConfig(file string, data []byte) (*Config, error) {
	c := new(Config)
	var faults configfile.Faults
	if doc := configfile.Decode(data, c, &faults); doc != nil {
		validate(c, doc, &faults)
	}
	if err := newConfigError(file, &faults); err != nil {
		return nil, err
	}
	return c, nil
}

// readFile reads at most limit bytes of a regular file. Others are refused:
// opening a named pipe would wait for a writer, and a device has no end.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

var errNotRegular = errors.New("not a regular file")
