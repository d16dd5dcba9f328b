package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
	"hotline/ivr/prompts/voice"
	"hotline/ui/page"
)

// uploadFor is how long a large file may take to arrive over a slow link.
const uploadFor = 10 * time.Minute

func (s *Server) promptList(w http.ResponseWriter, r *http.Request, v visit) {
	s.showPrompts(w, r, v, http.StatusOK, "", prompts.Import{})
}

func (s *Server) showPrompts(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string, done prompts.Import) {
	f := s.frame(r, v, "prompts.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	show := r.URL.Query().Get("show")
	if !slices.Contains(page.PromptViews(), show) {
		show = page.PromptViews()[0]
	}
	content := page.PromptsPage{Frame: f, Show: show, Trouble: trouble, Import: done, Done: r.URL.Query().Get("done"), Speaks: voice.Installed()}
	for _, language := range s.cfg.Prompts.Languages() {
		content.AddLanguage(language, s.cfg.Prompts.NameOf(language), s.cfg.Prompts.Prompts(language))
	}
	s.show(w, r, status, page.Prompts(content))
}

func (s *Server) prompt(w http.ResponseWriter, r *http.Request, v visit) {
	s.showPrompt(w, r, v, http.StatusOK, nil)
}

func (s *Server) showPrompt(w http.ResponseWriter, r *http.Request, v visit, status int, mistake error) {
	language, id := r.PathValue("language"), r.PathValue("id")
	p, err := s.cfg.Prompts.Get(language, id)
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	f := s.frame(r, v, "prompt.title")
	content := page.PromptPage{Frame: f, Prompt: p, Language: s.cfg.Prompts.NameOf(language), Speaks: voice.Installed(), Text: p.Text,
		Done: r.URL.Query().Get("done"), Trouble: s.promptTrouble(f, mistake)}
	if mistake != nil {
		content.Title = f.T("problem.title") + ": " + f.Title
		if text, given := r.PostForm["text"]; given {
			content.Text = strings.Join(text, " ")
		}
	}
	if other, err := s.cfg.Prompts.Get(f.Lang(), id); err == nil && f.Lang() != language {
		content.Meaning = other.Text
	}
	s.show(w, r, status, page.Prompt(content))
}

// promptTrouble is the sentence about what was refused.
func (s *Server) promptTrouble(f page.Frame, err error) string {
	if said := s.promptSaid(f, err); said != "" || err == nil {
		return said
	}
	s.cfg.Log.Error("a prompt could not be changed", "error", err)
	return f.T("prompt.wrong.failed")
}

// promptSaid is that sentence where there is one.
func (s *Server) promptSaid(f page.Frame, err error) string {
	var refusal *audio.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return f.F("sound.wrong."+refusal.Code, "minutes", strconv.Itoa(int(prompts.MaxLength/time.Minute)), "mb", strconv.Itoa(maxUpload>>20))
	case errors.Is(err, errNoSound):
		return f.T("sound.wrong.none")
	case errors.Is(err, voice.ErrNotInstalled):
		return f.T("prompt.wrong.novoice")
	case errors.Is(err, prompts.ErrSilenced):
		return f.T("prompt.wrong.silenced")
	case errors.Is(err, prompts.ErrNoVoice):
		return f.T("prompt.wrong.language")
	case errors.Is(err, prompts.ErrTextLong):
		return f.F("prompt.wrong.long", "most", strconv.Itoa(prompts.MaxText))
	case errors.Is(err, prompts.ErrTextEmpty):
		return f.T("prompt.wrong.empty")
	case errors.Is(err, prompts.ErrName):
		return f.T("prompt.wrong.name")
	case errors.Is(err, prompts.ErrSoundLong):
		return f.F("sound.wrong.long", "minutes", strconv.Itoa(int(prompts.MaxLength/time.Minute)), "mb", strconv.Itoa(maxUpload>>20))
	case errors.Is(err, prompts.ErrNone):
		return f.T("prompt.wrong.gone")
	}
	return ""
}

func (v visit) who() prompts.Who {
	return prompts.Who{ID: v.account.ID, Name: v.account.Name, Via: "web"}
}

// promptChange changes the text of a prompt, or which of its sounds is heard.
func (s *Server) promptChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a prompt", err)
		return
	}
	language, id, what := r.PathValue("language"), r.PathValue("id"), r.PostForm.Get("do")
	var err error
	switch what {
	case "text":
		err = s.cfg.Prompts.SetText(r.Context(), language, id, r.PostForm.Get("text"), v.who())
	case "use":
		err = s.cfg.Prompts.Use(r.Context(), language, id, r.PostForm.Get("take"), v.who())
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	if err != nil {
		s.showPrompt(w, r, v, http.StatusUnprocessableEntity, err)
		return
	}
	http.Redirect(w, r, promptPath(language, id)+"?done="+what, http.StatusSeeOther)
}

func promptPath(language, id string) string {
	return "/prompts/" + url.PathEscape(language) + "/" + url.PathEscape(id)
}

// promptAdd makes a prompt of the hotline's own, for its own dialogues.
func (s *Server) promptAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a prompt", err)
		return
	}
	language, id := r.PostForm.Get("language"), strings.ToLower(clean(r.PostForm.Get("name"), 64))
	err := s.cfg.Prompts.SetText(r.Context(), language, id, r.PostForm.Get("text"), v.who())
	if err != nil {
		f := s.frame(r, v, "prompts.title")
		s.showPrompts(w, r, v, http.StatusUnprocessableEntity, s.promptTrouble(f, err), prompts.Import{})
		return
	}
	http.Redirect(w, r, promptPath(language, id)+"?done=text", http.StatusSeeOther)
}

var errNoSound = errors.New("there is no sound file in the form")

// patient gives a large upload the time that it needs.
func patient(w http.ResponseWriter) error {
	c := http.NewResponseController(w)
	until := time.Now().Add(uploadFor)
	return errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until))
}

// received decodes the file of a form while it arrives. What is inside decides,
// not its name.
func (s *Server) received(w http.ResponseWriter, r *http.Request) (*audio.Clip, error) {
	if err := patient(w); err != nil {
		return nil, fmt.Errorf("waiting for a file: %w", err)
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, errNoSound
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoSound
		}
		if err != nil {
			return nil, fmt.Errorf("receiving a file: %w", err)
		}
		if part.FormName() == "sound" && part.FileName() != "" {
			return s.cfg.Sounds.Import(r.Context(), part, prompts.MaxLength)
		}
	}
}

// promptRecord takes a recording, from a file or from the page's microphone.
func (s *Server) promptRecord(w http.ResponseWriter, r *http.Request, v visit) {
	language, id := r.PathValue("language"), r.PathValue("id")
	if _, err := s.cfg.Prompts.Get(language, id); err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	clip, err := s.received(w, r)
	if err == nil {
		err = s.cfg.Prompts.Record(r.Context(), language, id, clip, v.who())
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		s.broken(w, r, v, "receiving a recording", err)
		return
	}
	if err != nil {
		s.showPrompt(w, r, v, http.StatusUnprocessableEntity, err)
		return
	}
	http.Redirect(w, r, promptPath(language, id)+"?done=recorded", http.StatusSeeOther)
}

// promptPreview answers with a recording as callers would hear it. Nothing is
// kept.
func (s *Server) promptPreview(w http.ResponseWriter, r *http.Request, v visit) {
	clip, err := s.received(w, r)
	if err != nil {
		f := s.frame(r, v, "prompt.title")
		http.Error(w, s.promptTrouble(f, err), http.StatusUnprocessableEntity)
		return
	}
	s.sound(w, r, v, clip)
}

// promptSound is what callers hear, or one of the recordings.
func (s *Server) promptSound(w http.ResponseWriter, r *http.Request, v visit) {
	language, id := r.PathValue("language"), r.PathValue("id")
	var clip *audio.Clip
	var err error
	if take := r.URL.Query().Get("take"); take != "" {
		clip, err = s.cfg.Prompts.Take(language, id, take)
	} else {
		clip, err = s.cfg.Prompts.Clip(language, id)
	}
	if err != nil && !errors.Is(err, prompts.ErrNone) && !errors.Is(err, prompts.ErrMissing) {
		s.broken(w, r, v, "reading the sound of a prompt", err)
		return
	}
	s.sound(w, r, v, clip)
}

// packIn takes a language pack in.
func (s *Server) packIn(w http.ResponseWriter, r *http.Request, v visit) {
	err := patient(w)
	if err == nil {
		err = r.ParseMultipartForm(1 << 20)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		s.broken(w, r, v, "receiving a language pack", err)
		return
	}
	var done prompts.Import
	trouble := s.frame(r, v, "prompts.title").T("pack.wrong.none")
	if r.MultipartForm != nil {
		defer func() {
			if err := r.MultipartForm.RemoveAll(); err != nil {
				s.cfg.Log.Warn("an uploaded file could not be removed from the temporary folder", "error", err)
			}
		}()
		if files := r.MultipartForm.File["pack"]; len(files) == 1 && files[0].Size > 0 {
			done, err = s.importPack(r.Context(), files[0], v)
			trouble = ""
		}
	}
	switch {
	case errors.Is(err, prompts.ErrPack):
		s.showPrompts(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "prompts.title").Said(err.Error()), done)
	case trouble != "":
		s.showPrompts(w, r, v, http.StatusUnprocessableEntity, trouble, done)
	case err != nil:
		s.broken(w, r, v, "taking a language pack in", err)
	default:
		s.showPrompts(w, r, v, http.StatusOK, "", done)
	}
}

func (s *Server) importPack(ctx context.Context, header *multipart.FileHeader, v visit) (prompts.Import, error) {
	file, err := header.Open()
	if err != nil {
		return prompts.Import{}, fmt.Errorf("opening the uploaded pack: %w", err)
	}
	done, err := s.cfg.Prompts.Import(ctx, file, header.Size, s.cfg.Sounds.Import, v.who())
	return done, errors.Join(err, file.Close())
}

// packOut hands a language out as a pack: to a studio, or to another hotline.
func (s *Server) packOut(w http.ResponseWriter, r *http.Request, v visit) {
	language := r.PathValue("language")
	var file bytes.Buffer
	if err := s.cfg.Prompts.WritePack(&file, language); errors.Is(err, prompts.ErrNone) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	} else if err != nil {
		s.broken(w, r, v, "writing a language pack", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "prompts-"+language+".zip"))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.Bytes()))
}
