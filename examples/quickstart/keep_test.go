package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/balancer/balancertest"
	"github.com/fairlead-go/fairlead/balancer/cloudhttp"
)

// The page is there while things go on, and the journal doesn't grow any more.
func TestKeep(t *testing.T) {
	clouds := balancertest.New(1, "onprem", "gcp")
	router, err := balancer.New(clouds.Config("routing-api"))
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	page, err := startPage(router)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(page.address)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "routing-api") {
		t.Errorf("%d %v %.200s", resp.StatusCode, err, body)
	}

	j := newJournal()
	j.called(critical, time.Millisecond, false)
	j.close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	var out bytes.Buffer
	goOn(ctx, cloudhttp.NewTransport(router, cloudhttp.WithBase(clouds.Base)), j, &screen{out: &out})
	if clouds.Cloud("gcp").Counts().Calls+clouds.Cloud("onprem").Counts().Calls == 0 {
		t.Error("no calls were sent")
	}
	if n := len(j.record().calls); n != 1 || !strings.Contains(out.String(), "Ctrl-C") {
		t.Errorf("%d calls noted, %q", n, out.String())
	}

	page.stop()
	if _, err := client.Get(page.address); err == nil {
		t.Error("the page is still there")
	}
}
