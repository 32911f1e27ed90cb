package sla

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// LevelKey is the secret that levels depend on. Its zero value stands for a
// key that is drawn at random once per process: levels then rotate and cannot
// be guessed, but processes do not agree on them.
//
// Whichever way a LevelKey is printed, logged or marshalled, the secret does
// not show.
type LevelKey struct {
	// A closure, because nothing that prints values can look inside. The
	// methods below don't suffice: fmt asks no method when it finds a LevelKey
	// in an unexported field of something else, and follows pointers.
	halves func() [2]uint64
}

// ParseLevelKey derives a key from a secret string: the same string always
// gives the same key. White space around it does not count, so that a file may
// end in a newline. Nothing but white space is an error.
//
// The key is as hard to guess as the string is; 16 random bytes, in whatever
// notation, are enough.
func ParseLevelKey(s string) (LevelKey, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return LevelKey{}, errors.New("sla: the level key is empty")
	}
	// The prefix keeps the key apart from whatever else the same secret may be
	// hashed for.
	sum := sha256.Sum256([]byte("fairlead level key\x00" + s))
	return levelKeyOf([16]byte(sum[:16])), nil
}

// RandomLevelKey draws a new key.
func RandomLevelKey() LevelKey {
	var b [16]byte
	rand.Read(b[:]) // never fails, see its documentation
	return levelKeyOf(b)
}

func levelKeyOf(b [16]byte) LevelKey {
	halves := [2]uint64{
		binary.LittleEndian.Uint64(b[:8]),
		binary.LittleEndian.Uint64(b[8:]),
	}
	return LevelKey{func() [2]uint64 { return halves }}
}

var processKey = sync.OnceValue(RandomLevelKey)

// hash returns the keyed hash of a customer on a day.
func (k LevelKey) hash(customer string, day Day) uint64 {
	if k.halves == nil {
		k = processKey()
	}
	return sipHash(k.halves(), uint64(day), customer)
}

const redacted = "[redacted]"

// String returns a text without the secret.
func (k LevelKey) String() string { return redacted }

// GoString returns a text without the secret.
func (k LevelKey) GoString() string { return "sla.LevelKey{" + redacted + "}" }

// Format writes a text without the secret, whatever the verb.
func (k LevelKey) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		io.WriteString(f, k.GoString())
		return
	}
	io.WriteString(f, k.String())
}

// MarshalText returns a text without the secret. There is no way back.
func (k LevelKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns a text without the secret.
func (k LevelKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// Equal reports whether two keys give the same levels.
func (k LevelKey) Equal(other LevelKey) bool {
	if k.halves == nil || other.halves == nil {
		return k.halves == nil && other.halves == nil
	}
	return k.halves() == other.halves()
}
