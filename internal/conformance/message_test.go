package main

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

func TestMessages(t *testing.T) {
	var stream bytes.Buffer
	for _, name := range []string{"one", "", "three"} {
		if err := write(&stream, &pb.ClientCompatResponse{TestName: name}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x00\x00\x00\x05\x0a\x03one\x00\x00\x00\x00\x00\x00\x00\x07\x0a\x05three"; stream.String() != want {
		t.Fatalf("wrote %q, want %q", stream.String(), want)
	}
	for _, name := range []string{"one", "", "three"} {
		got := new(pb.ClientCompatResponse)
		if err := read(&stream, got); err != nil {
			t.Fatal(err)
		}
		if got.TestName != name {
			t.Errorf("read %q, want %q", got.TestName, name)
		}
	}
	if err := read(&stream, new(pb.ClientCompatResponse)); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestBadMessages(t *testing.T) {
	for name, stream := range map[string]string{
		"its size breaks off": "\x00\x00",
		"it breaks off":       "\x00\x00\x00\x05\x0a\x03o",
		"only its size":       "\x00\x00\x00\x05",
		"too large":           "\xff\xff\xff\xff",
		"no protobuf":         "\x00\x00\x00\x02\x0a\x03",
	} {
		var m proto.Message = new(pb.ClientCompatResponse)
		if err := read(bytes.NewReader([]byte(stream)), m); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
