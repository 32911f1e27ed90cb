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
	refusing := flag.Bool("refusing", false, "send each call first to a cloud that refuses connections, with a new router for each")
	flag.Parse()
	var w world = &healthy{}
	if *refusing {
		dead, err := newRefusing()
		if err != nil {
			log.Fatal(err)
		}
		w = dead
	}
	if err := serve(context.Background(), w, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
	if err := w.close(); err != nil {
		log.Fatal(err)
	}
}

// serve runs each test case that it reads and writes what came of it, several
// at a time and in no order, until in ends.
func serve(ctx context.Context, w world, in io.Reader, out io.Writer) error {
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
