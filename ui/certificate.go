package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"hotline/ui/page"
)

// Certificates are what the box shows to browsers. Nil in the configuration
// where something else stands in front of the pages.
type Certificates interface {
	Root() []byte // of the authority, in PEM form
	Fingerprint() string
	Spoken() string // the same, in syllables that can be read aloud
	Names() []string
	Expires() time.Time // the box's own
	Renew(now time.Time) error

	// Brought is the certificate that somebody has brought for the pages.
	Brought() (page.BroughtCertificate, bool)
	// Bring checks one and takes it over at once; reached are names by which
	// people come.
	Bring(ctx context.Context, files [][]byte, passphrase string, reached []string, by string) error
	Return(ctx context.Context, by string) error // to the box's own
}

// refusedCertificate says why one that was brought is not used: the code of
// the sentence, and what is filled in.
type refusedCertificate interface {
	error
	Refusal() (code string, values []string)
}

// maxCertificates is how many files are brought at most: certificate, key and
// those that vouch for it, each in its own.
const maxCertificates = 8

func (s *Server) certificateBring(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Certificates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	files, passphrase, err := broughtFiles(r)
	if err == nil {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		err = s.cfg.Certificates.Bring(r.Context(), files, passphrase, []string{name}, v.account.ID)
	}
	var refused refusedCertificate
	var tooLarge *http.MaxBytesError
	f := s.frame(r, v, "system.title")
	switch {
	case errors.As(err, &tooLarge):
		s.showSystem(w, r, v, http.StatusUnprocessableEntity, nil, f.T("certificate.wrong.no_certificate"))
	case errors.As(err, &refused):
		code, values := refused.Refusal()
		s.showSystem(w, r, v, http.StatusUnprocessableEntity, nil, f.F("certificate.wrong."+code, values...))
	case err != nil:
		s.broken(w, r, v, "taking a certificate over", err)
	default:
		s.cfg.Log.Info("a certificate for the pages was brought", "account", v.account.ID)
		http.Redirect(w, r, "/admin/system?done=brought", http.StatusSeeOther)
	}
}

func broughtFiles(r *http.Request) (files [][]byte, passphrase string, err error) {
	if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, "", fmt.Errorf("reading the form: %w", err)
	}
	if r.MultipartForm == nil {
		return nil, "", nil
	}
	defer func() { err = errors.Join(err, r.MultipartForm.RemoveAll()) }()
	for i, header := range r.MultipartForm.File["files"] {
		if i == maxCertificates {
			break
		}
		file, err := header.Open()
		if err != nil {
			return nil, "", fmt.Errorf("opening an uploaded file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(file, 1<<20))
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, "", fmt.Errorf("reading an uploaded file: %w", err)
		}
		files = append(files, raw)
	}
	return files, r.PostForm.Get("passphrase"), nil
}

func (s *Server) certificateReturn(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Certificates == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err := s.cfg.Certificates.Return(r.Context(), v.account.ID); err != nil {
		s.broken(w, r, v, "going back to the own certificate", err)
		return
	}
	s.cfg.Log.Info("the pages have the certificate of the box again", "account", v.account.ID)
	http.Redirect(w, r, "/admin/system?done=returned", http.StatusSeeOther)
}
