package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
	"hotline/ui/page"
)

// This file is the fifth question of the first start: what callers hear. The
// greeting that ships is played; an own one is spoken by the machine or
// recorded, and kept until the hotline is made.

// takeGreeting takes the languages and the own words.
func (f *FirstRun) takeGreeting(r *http.Request) error {
	a := &f.answers
	a.Languages = nil
	for _, tag := range f.cfg.Callers {
		if slices.Contains(r.PostForm["languages"], tag) {
			a.Languages = append(a.Languages, tag)
		}
	}
	text := clean(strings.Join(strings.Fields(r.PostForm.Get("text")), " "), prompts.MaxText)
	if tag := known(r.PostForm.Get("greeting-language"), f.cfg.Callers); tag != "" && tag != a.GreetingLanguage {
		if text == f.greetingText() { // nobody has written it
			text = ""
		}
		a.Greeting, a.GreetingLanguage, a.GreetingText, f.greeting = "", tag, "", nil
	}
	switch kind := r.PostForm.Get("greeting"); {
	case r.PostForm.Get("do") == "record": // comes on the next page
		return nil
	case kind == "text" || r.PostForm.Get("do") == "listen":
		if err := f.speakGreeting(r, text); err != nil {
			return err
		}
	case kind == "recorded" && f.greeting != nil:
	default:
		a.Greeting, a.GreetingText, f.greeting = "", "", nil
	}
	if f.greeting != nil && len(a.Languages) > 0 && !slices.Contains(a.Languages, a.GreetingLanguage) {
		return errOtherTongue
	}
	return nil
}

// speakGreeting has the machine say the own words, so that they can be heard
// before the hotline is made.
func (f *FirstRun) speakGreeting(r *http.Request, text string) error {
	a := &f.answers
	shipped, _, err := f.cfg.Greeting(a.GreetingLanguage)
	if err != nil {
		return err
	}
	if text == "" || text == shipped {
		a.Greeting, a.GreetingText, f.greeting = "", "", nil
		return nil
	}
	if f.cfg.Speak == nil {
		return errNoSound
	}
	if a.Greeting == "text" && text == a.GreetingText && f.greeting != nil {
		return nil
	}
	clip, err := f.cfg.Speak(r.Context(), a.GreetingLanguage, text)
	if err != nil {
		return err
	}
	a.Greeting, a.GreetingText, f.greeting = "text", text, clip
	return nil
}

// recorder shows the words to read out, and the microphone.
func (f *FirstRun) recorder(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.showRecorder(w, r, http.StatusOK, "")
}

func (f *FirstRun) showRecorder(w http.ResponseWriter, r *http.Request, status int, trouble string) {
	p := f.page(r, 5)
	p.Trouble = trouble
	if trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	f.pages.show(w, r, status, page.FirstRunRecorder(p))
}

// record takes an own greeting. The lock is not held while it arrives.
func (f *FirstRun) record(w http.ResponseWriter, r *http.Request) {
	clip, err := f.pages.received(w, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && clip.Duration() < time.Second {
		err = &audio.Refusal{Code: audio.RefusedQuiet, Why: "nobody is to be heard in it; record it again"}
	}
	if err != nil {
		f.showRecorder(w, r, http.StatusUnprocessableEntity, f.trouble(f.pages.frame(r, visit{}, "setup.title"), err))
		return
	}
	f.answers.Greeting, f.answers.GreetingText, f.greeting = "recorded", "", clip
	http.Redirect(w, r, "/setup/5", http.StatusSeeOther)
}

func (f *FirstRun) preview(w http.ResponseWriter, r *http.Request) {
	clip, err := f.pages.received(w, r)
	if err != nil {
		http.Error(w, f.trouble(f.pages.frame(r, visit{}, "setup.title"), err), http.StatusUnprocessableEntity)
		return
	}
	f.pages.sound(w, r, visit{}, clip)
}

// greetingSound is the own greeting, or the one that ships in a language.
func (f *FirstRun) greetingSound(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	clip := f.greeting
	f.mu.Unlock()
	if tag, _ := strings.CutSuffix(r.PathValue("sound"), ".wav"); tag != "own" {
		clip = nil
		if slices.Contains(f.cfg.Callers, tag) {
			var err error
			if _, clip, err = f.cfg.Greeting(tag); err != nil {
				f.pages.broken(w, r, visit{}, "reading the greeting", err)
				return
			}
		}
	}
	f.pages.sound(w, r, visit{}, clip)
}
