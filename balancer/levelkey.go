package balancer

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/fairlead-go/fairlead/sla"
)

// maxSecretBytes bounds what is read from the file that LevelKey names.
const maxSecretBytes = 4096

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkLevelKey reports what is wrong with a reference to a secret. It never
// repeats the reference: whoever gets the form wrong has most likely written
// the secret itself.
func checkLevelKey(reference string) error {
	kind, name, _ := strings.Cut(reference, ":")
	switch {
	case kind == "env" && envName.MatchString(name):
		return nil
	case kind == "file" && name != "" && !strings.ContainsRune(name, 0):
		return nil
	}
	return errors.New("must be env:NAME or file:PATH, the place of the secret and not the secret itself")
}

// readLevelKey returns the key that a valid reference leads to. Without a
// reference it is the zero key: random, but one for the whole process, so that
// an update doesn't change it.
func readLevelKey(reference string) (sla.LevelKey, error) {
	if reference == "" {
		return sla.LevelKey{}, nil
	}
	secret, err := readSecret(reference)
	if err != nil {
		return sla.LevelKey{}, fmt.Errorf("balancer: levelKey: %w", err)
	}
	key, err := sla.ParseLevelKey(secret)
	if err != nil {
		return sla.LevelKey{}, fmt.Errorf("balancer: levelKey: %s is empty or not set", reference)
	}
	return key, nil
}

func readSecret(reference string) (string, error) {
	kind, name, _ := strings.Cut(reference, ":")
	if kind == "env" {
		return os.Getenv(name), nil
	}
	data, err := readFile(name, maxSecretBytes+1)
	if err == nil && len(data) > maxSecretBytes {
		err = fmt.Errorf("%s has more than %d bytes", name, maxSecretBytes)
	}
	return string(data), err
}

// readLevelKey returns the key of a config's levels, or the simulator's.
func (r *Router) readLevelKey(cfg *Config) (sla.LevelKey, error) {
	if r.machine != nil && r.machine.LevelKey != "" {
		return sla.ParseLevelKey(r.machine.LevelKey)
	}
	key, err := readLevelKey(cfg.LevelKey)
	if err != nil && r.onPaper {
		return sla.LevelKey{}, nil // the secret is elsewhere; a level of another key will do
	}
	return key, err
}
