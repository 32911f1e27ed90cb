package balancer

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const watchedFile = `version: 1
clouds: {a: {weight: WEIGHT}, b: {weight: 30}}
services: {api: {clouds: {a: {http: [http://10.0.0.1]}, b: {http: [http://10.0.1.1]}}}}
`

func TestFileIsFollowed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fairlead.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(watchedFile, "WEIGHT", "70", 1))
	synctest.Test(t, func(t *testing.T) {
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		r := newWorld().router(t, cfg, WithFile(path))
		weight := func() uint32 { return r.table.Load().config.Clouds["a"].Weight }

		time.Sleep(3 * watchEvery)
		write(strings.Replace(watchedFile, "WEIGHT", "10", 1))
		time.Sleep(3 * watchEvery)
		if got := weight(); got != 10 {
			t.Fatalf("weight is %d after the change", got)
		}

		write(strings.Replace(watchedFile, "WEIGHT", "-3", 1))
		time.Sleep(3 * watchEvery)
		status := r.Status().Config
		if weight() != 10 || !strings.Contains(status.Err, "weight") || status.Path != path {
			t.Errorf("weight %d, %+v", weight(), status)
		}
		loaded := status.Loaded
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * watchEvery)
		status = r.Status().Config
		if weight() != 10 || status.Err == "" || !status.Loaded.Equal(loaded) || time.Since(status.Checked) > watchEvery {
			t.Errorf("weight %d, %+v", weight(), status)
		}

		write(strings.Replace(watchedFile, "WEIGHT", "20", 1))
		time.Sleep(3 * watchEvery)
		if got := weight(); got != 20 || r.Status().Config.Err != "" {
			t.Errorf("weight is %d after the repair, %+v", got, r.Status().Config)
		}
	})
}

// What is refused for something that isn't in the file is tried again until it
// works, and told once.
func TestRefusedFileIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	path, key := filepath.Join(dir, "fairlead.yaml"), filepath.Join(dir, "key")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := strings.Replace(watchedFile, "WEIGHT", "70", 1)
	write(path, first)
	synctest.Test(t, func(t *testing.T) {
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		var told atomic.Int32
		r := newWorld().router(t, cfg, WithFile(path), WithTrace(Trace{ConfigChanged: func(err error) {
			if err != nil {
				told.Add(1)
			}
		}}))
		time.Sleep(3 * watchEvery)
		loaded := r.Status().Config.Loaded
		write(path, strings.Replace(watchedFile, "WEIGHT", "10", 1)+"levelKey: file:"+key+"\n")
		time.Sleep(10 * watchEvery)
		status := r.Status().Config
		if !strings.Contains(status.Err, "no such file") || !status.Loaded.Equal(loaded) || told.Load() != 1 {
			t.Errorf("told %d times, %+v", told.Load(), status)
		}
		write(key, "secret of all clients")
		time.Sleep(2 * watchEvery)
		status = r.Status().Config
		if got := r.table.Load().config.Clouds["a"].Weight; got != 10 || status.Err != "" || !status.Loaded.After(loaded) {
			t.Errorf("weight is %d with the key, %+v", got, status)
		}
	})
}
