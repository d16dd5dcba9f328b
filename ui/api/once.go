package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	"hotline/appliance/once"
	"hotline/appliance/store"
	"hotline/volunteers/roster"
)

// What a program sends again with the same Idempotency-Key, because it has not
// heard the answer, is not done again: it gets the answer of the first time.

type onceOnly struct{ book *once.Book }

func newOnce(s *store.Store) *onceOnly { return &onceOnly{once.Open(s)} }

const mostKey = 200

// keptHeaders go with an answer that is given again.
func keptHeaders() []string { return []string{"Content-Type", "ETag", "Location"} }

func (a *API) onlyOnce(w http.ResponseWriter, r *http.Request, t roster.Token, rt route) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		rt.handle(a, w, r, t)
		return
	}
	if len(key) > mostKey || key != clean(key, mostKey) {
		problem(w, http.StatusBadRequest, fmt.Sprintf("Idempotency-Key has %d plain characters at most", mostKey))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request could not be read to its end: it may have %d bytes at most", mostBody))
		return
	}
	asked := r.Method + " " + r.URL.RequestURI() + "\n" + r.Header.Get("If-Match") + "\n" + string(body)
	request, answer, err := a.once.book.Begin(r.Context(), t.ID, key, asked)
	switch {
	case errors.Is(err, once.ErrOther):
		problem(w, http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, once.ErrRunning):
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusConflict, err.Error())
	case errors.Is(err, once.ErrUnknown), errors.Is(err, once.ErrErased):
		problem(w, http.StatusConflict, err.Error())
	case err != nil:
		a.broken(w, "noting a request", err)
	case request == nil:
		w.Header().Set("Idempotent-Replayed", "true")
		send(w, answer)
	default:
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.carryOut(w, r, t, rt, request)
	}
}

// carryOut keeps the answer before it is sent. A failure of ours is not kept:
// nothing was done, and it may be tried again.
func (a *API) carryOut(w http.ResponseWriter, r *http.Request, t roster.Token, rt route, request *once.Request) {
	said := &draft{header: http.Header{}}
	rt.handle(a, said, r, t)
	answer := said.answer()
	ctx := context.WithoutCancel(r.Context())
	var err error
	if answer.Status >= http.StatusInternalServerError {
		err = request.Failed(ctx)
	} else {
		err = request.Answered(ctx, answer)
	}
	if err != nil {
		a.cfg.Log.Error("the answer to a program could not be kept; sent again, the same request is refused", "error", err)
	}
	maps.Copy(w.Header(), said.header)
	send(w, answer)
}

func send(w http.ResponseWriter, a once.Answer) {
	for name, v := range a.Header {
		w.Header().Set(name, v)
	}
	w.WriteHeader(a.Status)
	if _, err := io.WriteString(w, a.Body); err != nil {
		return // the program has gone
	}
}

// draft is an answer that is not sent yet.
type draft struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (d *draft) Header() http.Header { return d.header }

func (d *draft) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}

func (d *draft) Write(p []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	return d.body.Write(p)
}

func (d *draft) answer() once.Answer {
	a := once.Answer{Status: d.status, Header: map[string]string{}, Body: d.body.String()}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	for _, name := range keptHeaders() {
		if v := d.header.Get(name); v != "" {
			a.Header[name] = v
		}
	}
	return a
}
