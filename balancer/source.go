package balancer

import (
	"crypto/sha256"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// Provenance says where the configuration in force comes from and how old it
// is.
type Provenance struct {
	// Path of the file.
	Path string
	// Loaded is when the content in force was taken over; zero if none was.
	Loaded time.Time
	// Checked is when the file was last looked at.
	Checked time.Time
	// Confirmed is when the file was last found to hold what is in force; zero if
	// it never was.
	Confirmed time.Time
	// Err says why the file, as it now is, is not in force: it can't be read,
	// it has faults, or the router refused it. Empty if nothing is wrong.
	Err string
}

// fileSource reads a configuration file again and again. It compares content,
// not times or inodes, and opens the file by its path each time: Kubernetes
// replaces a mounted ConfigMap by turning a symbolic link. A file that
// disappears or turns bad changes nothing but the error: what was last good
// stays in force.
//
// A new content counts when two polls in a row find it. One that is caught
// while it is being written in place may well be valid, and lack the last
// service. Only the very first is taken at once, since there is nothing better.
//
// A fileSource belongs to one goroutine; only provenance may be called from
// others.
type fileSource struct {
	path    string
	seen    content // by the last poll
	judged  content // the last that was offered or reported
	offered bool    // it was offered, and isn't in force
	inForce content
	state   atomic.Pointer[Provenance]
}

// content tells one state of the file from another: a digest of its bytes, or
// the text of the error that reading it gave. The zero content is that of a
// file nobody looked at yet.
type content struct {
	digest [sha256.Size]byte
	err    string
}

// newFileSource returns a source for the file at path. It doesn't read it.
func newFileSource(path string) *fileSource {
	s := &fileSource{path: path}
	s.state.Store(&Provenance{Path: path})
	return s
}

// poll reads the file once. If its content changed, changed is true and either
// next is a configuration to put in force, or err says what is wrong, or both
// are nil: then the file is back to what is in force. Of next the router must say
// whether it was taken or refused; what was refused is offered again by each poll,
// since the reason may pass: a key that isn't there yet, a cloud that is drained.
func (s *fileSource) poll() (next *Config, err error, changed bool) {
	data, err := readFile(s.path, configfile.MaxBytes+1)
	return s.judge(data, err, time.Now())
}

// judge is poll without the reading.
func (s *fileSource) judge(data []byte, readErr error, now time.Time) (next *Config, err error, changed bool) {
	state := *s.state.Load()
	state.Checked = now
	defer func() { s.state.Store(&state) }()

	found := contentOf(data, readErr)
	if found == s.inForce && readErr == nil {
		state.Confirmed = now
	}
	settled := found == s.seen || s.judged == content{}
	s.seen = found
	if !settled || found == s.judged && !s.offered {
		return nil, nil, false
	}
	s.judged, s.offered = found, false

	switch {
	case readErr != nil:
		err = readErr
	case found == s.inForce:
		state.Err = ""
		return nil, nil, true
	default:
		next, err = parseConfig(s.path, data)
	}
	if err != nil {
		state.Err = err.Error()
		return nil, err, true
	}
	s.offered = true
	return next, nil, true
}

// taken notes that what the last poll returned as next is in force.
func (s *fileSource) taken() {
	s.inForce, s.offered = s.judged, false
	state := *s.state.Load()
	state.Loaded, state.Confirmed, state.Err = state.Checked, state.Checked, ""
	s.state.Store(&state)
}

// refused notes that the router couldn't use what the last poll returned as next.
// It reports whether that is news.
func (s *fileSource) refused(err error) bool {
	state := *s.state.Load()
	news := state.Err != err.Error()
	state.Err = err.Error()
	s.state.Store(&state)
	return news
}

// provenance may be called from any goroutine.
func (s *fileSource) provenance() Provenance { return *s.state.Load() }

func contentOf(data []byte, err error) content {
	if err != nil {
		return content{err: err.Error()}
	}
	return content{digest: sha256.Sum256(data)}
}
