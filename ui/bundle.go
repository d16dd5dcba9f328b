package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"hotline/ui/page"
)

// Bundles is the whole hotline as files (Y3). One that was brought is kept for the
// second look, and for nobody but whoever brought it.
type Bundles interface {
	Take(file, secrets []byte, by string) (id string)
	// Look says what a bundle would change, or ErrNoBundle.
	Look(ctx context.Context, id, by string) (page.BundlePlan, error)
	// Apply changes what was looked at, by the print of the plan: all of it or
	// nothing. ErrBundleOther: it would be something else by now.
	Apply(ctx context.Context, id, seen, by string) (page.BundlePlan, error)
	Write(ctx context.Context, w io.Writer, by string) error
}

// What becomes of bundles.
var (
	ErrNoBundle    = errors.New("this bundle is not here any more")
	ErrBundleOther = errors.New("the hotline was changed after the look")
)

// maxSecrets is far more than a file of passwords has.
const maxSecrets = 64 << 10

func (s *Server) bundle(w http.ResponseWriter, r *http.Request, v visit) {
	s.showBundle(w, r, v, http.StatusOK, "")
}

func (s *Server) showBundle(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) {
	p := page.BundlePage{Frame: s.frame(r, v, "bundle.title"), Largest: maxUpload >> 20}
	if wrong != "" {
		p.Trouble, p.Title = p.F(wrong, "mb", "50"), p.T("problem.title")+": "+p.Title
	}
	s.show(w, r, status, page.Bundle(p))
}

// bundleBring takes a bundle, and leads to what it would change.
func (s *Server) bundleBring(w http.ResponseWriter, r *http.Request, v visit) {
	if err := patient(w); err != nil {
		s.broken(w, r, v, "waiting for a bundle", err)
		return
	}
	file, secrets, err := readBundle(r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, errLargeBundle):
		s.showBundle(w, r, v, http.StatusUnprocessableEntity, "bundle.wrong.large")
	case errors.Is(err, errNoFile):
		s.showBundle(w, r, v, http.StatusUnprocessableEntity, "bundle.wrong.none")
	case err != nil:
		s.broken(w, r, v, "reading a bundle", err)
	default:
		http.Redirect(w, r, "/admin/bundle/"+s.cfg.Bundles.Take(file, secrets, v.account.ID), http.StatusSeeOther)
	}
}

var errLargeBundle = errors.New("this file is too large")

// readBundle reads the two files of the form, the second of which may be missing.
func readBundle(r *http.Request) (file, secrets []byte, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, nil, errNoFile
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		to, limit := &file, int64(maxUpload)
		switch part.FormName() {
		case "bundle":
		case "secrets":
			to, limit = &secrets, maxSecrets
		default:
			continue
		}
		if *to, err = io.ReadAll(io.LimitReader(part, limit+1)); err != nil {
			return nil, nil, err
		}
		if int64(len(*to)) > limit {
			return nil, nil, errLargeBundle
		}
	}
	if len(file) == 0 {
		return nil, nil, errNoFile
	}
	return file, secrets, nil
}

func (s *Server) bundleLook(w http.ResponseWriter, r *http.Request, v visit) {
	plan, err := s.cfg.Bundles.Look(r.Context(), r.PathValue("id"), v.account.ID)
	s.showLook(w, r, v, plan, err, "")
}

// showLook shows what a bundle would change. Its mistakes are a page of their own.
func (s *Server) showLook(w http.ResponseWriter, r *http.Request, v visit, plan page.BundlePlan, err error, wrong string) {
	p := page.BundleLookPage{Frame: s.frame(r, v, "bundle.look.title"), ID: r.PathValue("id"), Plan: plan}
	status := http.StatusOK
	switch {
	case errors.Is(err, ErrNoBundle):
		s.showBundle(w, r, v, http.StatusNotFound, "bundle.wrong.gone")
		return
	case err != nil:
		s.broken(w, r, v, "looking at a bundle", err)
		return
	case len(plan.Faults) > 0:
		status = http.StatusUnprocessableEntity
		p.Title = p.T("bundle.faults.title")
	case wrong != "":
		status = http.StatusUnprocessableEntity
		p.Trouble = p.T(wrong)
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.BundleLook(p))
}

// bundleApply is the second look: what is on the page, and nothing else, becomes
// so.
func (s *Server) bundleApply(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a bundle", err)
		return
	}
	if err := patient(w); err != nil {
		s.broken(w, r, v, "waiting for a bundle", err)
		return
	}
	id, seen := r.PathValue("id"), clean(r.PostForm.Get("seen"), 64)
	wrong := "bundle.wrong.sure"
	if r.PostForm.Get("sure") == "yes" && seen != "" {
		plan, err := s.cfg.Bundles.Apply(r.Context(), id, seen, v.account.ID)
		if !errors.Is(err, ErrBundleOther) {
			if err != nil || len(plan.Faults) > 0 {
				s.showLook(w, r, v, plan, err, "")
				return
			}
			s.cfg.Log.Info("a bundle was applied", "account", v.account.ID, "changes", len(plan.Changes))
			// Passwords of new people are in this answer alone: no address leads back to it.
			s.show(w, r, http.StatusOK, page.BundleLook(page.BundleLookPage{Frame: s.frame(r, v, "bundle.done.title"), ID: id, Plan: plan, Done: true}))
			return
		}
		wrong = "bundle.wrong.other"
	}
	plan, err := s.cfg.Bundles.Look(r.Context(), id, v.account.ID)
	s.showLook(w, r, v, plan, err, wrong)
}

// bundleFile is the hotline as it is now.
func (s *Server) bundleFile(w http.ResponseWriter, r *http.Request, v visit) {
	if err := patient(w); err != nil {
		s.broken(w, r, v, "writing a bundle", err)
		return
	}
	var file bytes.Buffer
	if err := s.cfg.Bundles.Write(r.Context(), &file, v.account.ID); err != nil {
		s.broken(w, r, v, "writing a bundle", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="hotline.zip"`)
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(file.Bytes()); err != nil {
		s.cfg.Log.Debug("a bundle did not arrive", "error", err)
	}
}
