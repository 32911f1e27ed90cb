package balancertest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

func ExampleClouds_Base() {
	clouds := balancertest.New(3, "onprem", "gcp")
	router, err := balancer.New(clouds.Config("routing-api"))
	if err != nil {
		panic(err)
	}
	defer router.Close()
	client := &http.Client{Transport: cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base))}

	clouds.Cloud("onprem").Crash()
	for range 3 {
		resp, err := client.Get("http://routing-api/v1/route")
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.Status, string(body))
	}
	// Output:
	// 200 OK gcp
	// 200 OK gcp
	// 200 OK gcp
}

func ExampleClouds_Try() {
	clouds := balancertest.New(3, "onprem", "gcp")
	router, err := balancer.New(clouds.Config("routing-api"))
	if err != nil {
		panic(err)
	}
	defer router.Close()
	router.SetProber(balancer.HTTP, clouds.Probe)

	clouds.Cloud("gcp").Fail(1)
	call := balancer.Call{Service: "routing-api", Idempotent: true}
	cloud, err := balancer.Do(context.Background(), router, call, clouds.Try, nil)
	fmt.Println(cloud, err)
	// Output: onprem <nil>
}
