package realclients

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/coder/websocket"
	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// Messages of any size come back whole. When the cloud that a connection goes
// through is killed, the client gets an error, and the next connection goes
// through the other one.
func TestWebSocket(t *testing.T) {
	w := newWorld(t, httpbin.New())
	dial := func() (*websocket.Conn, string) {
		t.Helper()
		c, resp, err := websocket.Dial(t.Context(), "ws://"+service+"/websocket/echo?max_message_size=262144&max_fragment_size=262144",
			&websocket.DialOptions{HTTPClient: w.client()})
		if err != nil {
			t.Fatal(err)
		}
		c.SetReadLimit(1 << 20)
		return c, resp.Header.Get(cloudHeader)
	}
	echo := func(c *websocket.Conn, size int) error {
		t.Helper()
		message := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(size)}).Read(message)
		if err := c.Write(t.Context(), websocket.MessageBinary, message); err != nil {
			return err
		}
		kind, back, err := c.Read(t.Context())
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary || !bytes.Equal(back, message) {
			t.Errorf("of %d bytes %d came back", len(message), len(back))
		}
		return nil
	}
	c, first := dial()
	defer c.CloseNow()
	for size := 1; size <= 200_000; size = size*3 + 1 {
		if err := echo(c, size); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	w.kill(first)
	if err := echo(c, 100); err == nil {
		t.Errorf("%s was killed, and a message came back", first)
	}
	for range 5 {
		c, cloud := dial()
		if cloud == first {
			t.Errorf("a connection through %s, which was killed", cloud)
		}
		if err := echo(c, 1000); err != nil {
			t.Error(err)
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
}
