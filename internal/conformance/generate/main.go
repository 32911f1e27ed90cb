// Command generate writes the Go code of the conformance suite's messages. It
// needs neither protoc nor buf: the protos come with the suite's module, are
// compiled here, and go to the protoc-gen-go that go.mod pins.
//
// Run it through go generate, in the directory of the module.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	suite  = "connectrpc.com/conformance"
	folder = "conformancev1"
	// Where the code will be imported from.
	target = "github.com/fairlead-go/fairlead/internal/conformance/" + folder
)

// protos are what a client under test needs, each after those it imports.
var protos = []string{
	"connectrpc/conformance/v1/config.proto",
	"connectrpc/conformance/v1/service.proto",
	"connectrpc/conformance/v1/client_compat.proto",
}

func main() {
	log.SetFlags(0)
	out := folder
	if len(os.Args) > 1 {
		out = os.Args[1]
	}
	files, err := generate(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(out, path.Base(f.GetName())), []byte(f.GetContent()), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the files that protoc-gen-go makes of the protos.
func generate(ctx context.Context) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	request, err := compile(ctx)
	if err != nil {
		return nil, err
	}
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	plugin := exec.CommandContext(ctx, "go", "tool", "protoc-gen-go")
	plugin.Stdin, plugin.Stderr = bytes.NewReader(in), os.Stderr
	out, err := plugin.Output()
	if err != nil {
		return nil, fmt.Errorf("protoc-gen-go: %w", err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, fmt.Errorf("protoc-gen-go: %s", response.GetError())
	}
	return response.File, nil
}

// compile returns the order to protoc-gen-go, as protoc would write it.
func compile(ctx context.Context) (*pluginpb.CodeGeneratorRequest, error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", suite).Output()
	if err != nil {
		return nil, fmt.Errorf("where the module %s is: %w", suite, err)
	}
	compiler := protocompile.Compiler{ // which leaves the comments out
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{filepath.Join(strings.TrimSpace(string(dir)), "proto")},
		}),
	}
	compiled, err := compiler.Compile(ctx, protos...)
	if err != nil {
		return nil, err
	}
	parameters := []string{"paths=source_relative"}
	for _, p := range protos {
		parameters = append(parameters, "M"+p+"="+target)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: protos,
		Parameter:      proto.String(strings.Join(parameters, ",")),
	}
	known := make(map[string]bool)
	for _, file := range compiled {
		add(request, file, known)
	}
	return request, nil
}

// add adds a file to the order, after those it imports, as protoc does.
func add(request *pluginpb.CodeGeneratorRequest, file protoreflect.FileDescriptor, known map[string]bool) {
	if known[file.Path()] {
		return
	}
	known[file.Path()] = true
	for i := range file.Imports().Len() {
		add(request, file.Imports().Get(i).FileDescriptor, known)
	}
	request.ProtoFile = append(request.ProtoFile, protoutil.ProtoFromFileDescriptor(file))
}
