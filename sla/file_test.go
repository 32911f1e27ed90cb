package sla

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 9, 30, 17, 0, time.UTC)

// someCounts is a snapshot with a tier and a contract.
func someCounts() Snapshot {
	a := NewAccount(at.Add(-time.Minute))
	a.Count(Good, 1)
	a.Count(Shed, 2)
	a.Sweep(at)
	o := Objective{Target: 0.999, Latency: time.Second, Window: 720 * time.Hour}
	return Snapshot{
		At:        at,
		Tiers:     []TierRecord{{"routing-api", "critical", o, a.Record(at)}},
		Contracts: []ContractRecord{{"acme", Objective{Target: 0.9999, Window: time.Hour}, a.Record(at)}},
	}
}

func TestFile(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "counts"))
	if s, err := f.Load(context.Background()); err != nil || !reflect.DeepEqual(s, Snapshot{}) {
		t.Fatalf("no file: %+v, %v", s, err)
	}
	want := someCounts()
	for range 2 { // the second replaces the first
		if err := f.Save(context.Background(), want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Load(context.Background())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if info, err := os.Stat(string(f)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

// A process that dies while it saves leaves the file as it was, and nothing that
// the next one stumbles over.
func TestFileIsWhole(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "counts"))
	want := someCounts()
	if err := f.Save(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(string(f)+newFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(context.Background()); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	want.At = at.Add(time.Second)
	if err := f.Save(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(context.Background()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Where nothing can be written the old file stays.
func TestFileThatCannotBeReplaced(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "counts"))
	want := someCounts()
	if err := f.Save(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(string(f)+newFile, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(context.Background(), Snapshot{At: at}); err == nil {
		t.Error("saved")
	}
	if got, err := f.Load(context.Background()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// sealed returns a file with that body and a right checksum.
func sealed(body string) string {
	return fmt.Sprintf("%s%x\n%s\n", fileHeader, sha256.Sum256([]byte(body)), body)
}

// corrupt are files that can't be read, with what the error says.
var corrupt = map[string]string{
	"":                         "doesn't begin",
	"\n":                       "doesn't begin",
	"fairlead-sla 2 sha256:\n": "doesn't begin",
	fileHeader + strings.Repeat("0", 64) + "\n{}\n": "checksum is wrong",
	sealed(`{`):                             "unexpected end",
	sealed(`{"at":"now"}`):                  "parsing time",
	sealed(`{"at":"1960-01-01T00:00:00Z"}`): "snapshot of 1960",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":1,"window_ns":1}}]}`):                                                                                  "contracts[0]: a target of 1",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":-1}}]}`):                                                                               "a window of -1ns",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1}},{"name":"a","objective":{"target":0.9,"window_ns":1}}]}`):                          "contracts[1]: the same name",
	sealed(`{"at":"2026-03-01T00:00:00Z","tiers":[{"tier":"` + strings.Repeat("x", 2000) + `","objective":{"target":0.9,"window_ns":1}}]}`):                                                    "tiers[0]: a name of 2000 bytes",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"hours":{"last":9,"good":[1],"bad":[]}}]}`):                                         "1 good and 0 bad",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"hours":{"last":99999999,"good":[1],"bad":[1]}}]}`):                                 "until number 99999999",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"hours":{"last":0,"good":[1,1],"bad":[1,1]}}]}`):                                    "until number 0",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"hours":{"last":9,"good":[1],"bad":[18446744073709551615]}}]}`):                     "a count of 18446744073709551615",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"hours":{"last":9,"good":[-1],"bad":[0]}}]}`):                                       "cannot unmarshal",
	sealed(`{"at":"2026-03-01T00:00:00Z","contracts":[{"name":"a","objective":{"target":0.9,"window_ns":1},"seconds":{"last":9000,"good":[` + zeros(302) + `],"bad":[` + zeros(302) + `]}}]}`): "302 slots, at most 301",
}

func zeros(n int) string { return strings.TrimSuffix(strings.Repeat("0,", n), ",") }

// What can't be read is named with the reason and set aside, and the next save
// begins anew.
func TestCorruptFile(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "counts"))
	for data, reason := range corrupt {
		if err := os.WriteFile(string(f), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := f.Load(context.Background())
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), string(f)) || !reflect.DeepEqual(s, Snapshot{}) {
			t.Errorf("%.99q: %v, want one with %q", data, err, reason)
		}
		if aside, err := os.ReadFile(string(f) + corruptFile); err != nil || string(aside) != data {
			t.Errorf("%.99q was not set aside: %v", data, err)
		}
		if s, err := f.Load(context.Background()); err != nil || !reflect.DeepEqual(s, Snapshot{}) {
			t.Errorf("%.99q: the second time %+v, %v", data, s, err)
		}
		if err := f.Save(context.Background(), someCounts()); err != nil {
			t.Error(err)
		}
	}
}

// A flipped bit anywhere is found.
func TestFlippedBits(t *testing.T) {
	data, err := encode(someCounts())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * (len(data) - 1) { // the line's end may be missing
		flipped := bytes.Clone(data)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := decode(flipped); err == nil {
			t.Fatalf("bit %d of byte %d", i%8, i/8)
		}
	}
}

// A file that can't be read now is not taken for a corrupt one: it may hold the
// counts of a month.
func TestUnreadableIsNotCorrupt(t *testing.T) {
	f := File(t.TempDir()) // a directory
	if _, err := f.Load(context.Background()); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// The largest snapshot that a config can lead to fits.
func TestFileOfAThousandContracts(t *testing.T) {
	if raceEnabled {
		t.Skip("takes long under the race detector, and nothing happens at the same time")
	}
	full := func(n int64, last int64) Slots {
		s := Slots{Last: last}
		for range n {
			s.Good, s.Bad = append(s.Good, 12345), append(s.Bad, 123)
		}
		return s
	}
	s := Snapshot{At: at}
	for i := range 1000 {
		s.Contracts = append(s.Contracts, ContractRecord{fmt.Sprintf("contract-%d", i), Objective{Target: 0.9, Window: time.Hour},
			Record{full(301, at.Unix()), full(361, at.Unix()/60), full(721, at.Unix()/3600)}})
	}
	data, err := encode(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(data); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%d bytes: %v", len(data), err)
	}
	if len(data) > 16<<20 {
		t.Errorf("%d bytes, the documentation says 15 MiB", len(data))
	}
}

func FuzzDecode(f *testing.F) {
	for data := range corrupt {
		f.Add([]byte(strings.SplitN(data, "\n", 2)[len(strings.SplitN(data, "\n", 2))-1]))
	}
	whole, err := encode(someCounts())
	if err != nil {
		f.Fatal(err)
	}
	_, body, _ := bytes.Cut(whole, []byte("\n"))
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decode([]byte(sealed(string(body)))) // past the checksum
		if err != nil {
			return
		}
		// What is accepted can be used, saved and read again.
		s.Report()
		merged := Merge(s, s)
		if err := merged.Validate(); err != nil {
			t.Fatalf("merged: %v", err)
		}
		data, err := encode(merged)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decode(data); err != nil || !reflect.DeepEqual(again.Contracts, merged.Contracts) {
			t.Fatalf("%+v, %v", again, err)
		}
		for _, c := range s.Contracts {
			NewAccount(at).Restore(c.Record, at)
		}
	})
}
