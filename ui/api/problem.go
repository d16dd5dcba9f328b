package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
)

// problem answers with what went wrong, as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, detail string) {
	problemWith(w, status, detail, nil)
}

// problemWith says more for programs.
func problemWith(w http.ResponseWriter, status int, detail string, more map[string]any) {
	said := map[string]any{"title": http.StatusText(status), "status": status, "detail": detail}
	for name, v := range more {
		said[name] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(said); err != nil {
		return // the program has gone
	}
}

// broken is problem for a failure that is worth a line in the log.
func (a *API) broken(w http.ResponseWriter, doing string, err error) {
	a.cfg.Log.Error("a program could not be answered", "doing", doing, "error", err)
	problem(w, http.StatusInternalServerError, "the hotline failed at "+doing+"; calls go on: try again")
}

func missing(w http.ResponseWriter) {
	problem(w, http.StatusNotFound, "there is no such record, or none that a program may see")
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the program has gone
	}
}

// read reads a small JSON object strictly, and answers itself when it is not
// one.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := decode(r.Body, into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is too large: %d bytes at most", tooLarge.Limit))
	case errors.Is(err, io.EOF):
		problem(w, http.StatusBadRequest, "the request has no body")
	case err != nil:
		problem(w, http.StatusBadRequest, "the body is not what was expected: "+err.Error())
	}
	return err == nil
}

func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one object")
	}
	return nil
}

// clean takes away what is invisible, and what is too much.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), ""))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most])
	}
	return text
}
