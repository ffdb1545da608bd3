package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// announced is a body that tells how much room there is for it, before any of it arrives.
type announced struct{ room int }

func (a *announced) Read(into []byte) (int, error) {
	a.room = max(a.room, len(into))
	return 0, io.ErrUnexpectedEOF
}

func (a *announced) Close() error { return nil }

func TestReceive_TakesMemoryForWhatArrives_NotForWhatIsAnnounced(t *testing.T) {
	body := &announced{}
	request := httptest.NewRequest(http.MethodPost, "/", body)
	request.ContentLength = maxBodyBytes
	c := echo.New().NewContext(request, &discarded{header: make(http.Header)})
	if _, err := receive(c, time.Second); err != errBodyIncomplete {
		t.Errorf("got %v", err)
	}
	if body.room == 0 || body.room > 4<<10 {
		t.Errorf("room for %d bytes was made", body.room)
	}
}
