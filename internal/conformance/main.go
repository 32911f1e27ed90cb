package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"runtime"
	"sync"

	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("conformance: ")
	refusing := flag.Bool("refusing", false, "send each call first to a cloud that refuses connections")
	grpc := flag.Bool("grpc", false, "call through grpc-go, which speaks nothing but gRPC")
	flag.Parse()
	connect, run := connectHTTP, runHTTP
	if *grpc {
		connect, run = connectGRPC, runGRPC
	}
	var w world = &healthy{connect: connect}
	if *refusing {
		dead, err := newRefusing(connect)
		if err != nil {
			log.Fatal(err)
		}
		w = dead
	}
	if err := serve(context.Background(), w, run, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
	if err := w.close(); err != nil {
		log.Fatal(err)
	}
}

// runner carries out a test case in a world. The error says that it could not even
// be tried; what becomes of the call is in the result.
type runner func(context.Context, world, *pb.ClientCompatRequest) (*pb.ClientResponseResult, error)

// serve runs each test case that it reads and writes what came of it, several
// at a time and in no order, until in ends.
func serve(ctx context.Context, w world, run runner, in io.Reader, out io.Writer) error {
	in = bufio.NewReader(in)
	var writing sync.Mutex // a response at a time
	var wg sync.WaitGroup
	defer wg.Wait()
	atOnce := make(chan struct{}, 4*runtime.GOMAXPROCS(0))
	for {
		test := new(pb.ClientCompatRequest)
		err := read(in, test)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		atOnce <- struct{}{}
		wg.Go(func() {
			defer func() { <-atOnce }()
			response := &pb.ClientCompatResponse{TestName: test.TestName}
			if result, err := run(ctx, w, test); err != nil {
				response.Result = &pb.ClientCompatResponse_Error{Error: &pb.ClientErrorResult{Message: err.Error()}}
			} else {
				response.Result = &pb.ClientCompatResponse_Response{Response: result}
			}
			writing.Lock()
			defer writing.Unlock()
			if err := write(out, response); err != nil {
				log.Fatal(err)
			}
		})
	}
}
