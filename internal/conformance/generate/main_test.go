package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"testing"
)

// The code in the repository is that of the suite's version in go.mod.
func TestGenerated(t *testing.T) {
	files, err := generate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(protos) {
		t.Fatalf("%d files of %d protos", len(files), len(protos))
	}
	for _, f := range files {
		name := filepath.Join("..", folder, path.Base(f.GetName()))
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, []byte(f.GetContent())) {
			t.Errorf("%s isn't what go generate writes", name)
		}
	}
}
