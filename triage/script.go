package triage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Script is what whoever answers says first, sentence by sentence, on a line in
// a language.
type Script struct {
	Queue    string    `json:"queue"` // "": all lines that have none of their own
	Language string    `json:"language"`
	Lines    []string  `json:"lines"`
	By       string    `json:"by"`
	Changed  time.Time `json:"changed"`
}

// EventScriptChanged is emitted when a script was written or taken away.
const EventScriptChanged = "script.changed"

const (
	scriptLines = 8
	scriptLine  = 240 // letters: more is not read aloud
)

// ScriptMistake is a refused script, in words for its writer.
type ScriptMistake string

func (m ScriptMistake) Error() string { return string(m) }

var scriptTable = store.NewTable[Script]("scripts")

// Scripts are those of the hotline.
type Scripts struct {
	store  *store.Store
	queues func() []string
	mu     sync.Mutex // one change at a time
	known  atomic.Pointer[map[string]Script]
}

// OpenScripts reads them.
func OpenScripts(s *store.Store, queues func() []string) (*Scripts, error) {
	out := &Scripts{store: s, queues: queues}
	return out, out.load()
}

// Renew waits while change changes what is stored by other ways than these
// scripts, and uses what is stored then.
func (s *Scripts) Renew(change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	return s.load()
}

func (s *Scripts) load() error {
	known := map[string]Script{}
	err := s.store.View(func(tx *store.Tx) error {
		clear(known)
		for key, one := range scriptTable.All(tx) {
			known[key] = one
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading what volunteers say first: %w", err)
	}
	s.known.Store(&known)
	return nil
}

func scriptKey(queue, language string) string { return queue + "/" + language }

// For is the script of a line in a language: its own, or that of all lines;
// the zero Script when there is none.
func (s *Scripts) For(queue, language string) Script {
	known := *s.known.Load()
	if own, ok := known[scriptKey(queue, language)]; ok {
		return own
	}
	return known[scriptKey("", language)]
}

// List is all scripts, by line and language.
func (s *Scripts) List() []Script {
	var list []Script
	for _, one := range *s.known.Load() {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Script) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.Language, b.Language))
	})
	return list
}

// Set writes a script; one without lines is taken away. The next call shows it.
func (s *Scripts) Set(ctx context.Context, one Script) error {
	one.Lines = slices.DeleteFunc(slices.Clone(one.Lines), func(line string) bool { return strings.TrimSpace(line) == "" })
	switch {
	case one.Queue != "" && !slices.Contains(s.queues(), one.Queue):
		return ScriptMistake("there is no such line")
	case one.Language == "":
		return ScriptMistake("choose the language of the sentences")
	case len(one.Lines) > scriptLines:
		return ScriptMistake(fmt.Sprintf("there are more than %d sentences: nobody finds the right one while a caller waits", scriptLines))
	case slices.ContainsFunc(one.Lines, func(line string) bool { return utf8.RuneCountInString(line) > scriptLine }):
		return ScriptMistake(fmt.Sprintf("a sentence is longer than %d letters: make two of it", scriptLine))
	case one.By == "":
		return errors.New("a script needs to say who writes it")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]Script{}
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		clear(next)
		for key, other := range *s.known.Load() {
			next[key] = other
		}
		key := scriptKey(one.Queue, one.Language)
		tx.Emit(events.Event{Kind: EventScriptChanged, By: one.By, Via: "web", Queue: one.Queue, Data: map[string]string{"language": one.Language, "sentences": fmt.Sprint(len(one.Lines))}})
		if len(one.Lines) == 0 {
			delete(next, key)
			return scriptTable.Delete(tx, key)
		}
		one.Changed = tx.Now()
		next[key] = one
		return scriptTable.Put(tx, key, one)
	})
	if err != nil {
		return fmt.Errorf("the sentences were not stored: %w", err)
	}
	s.known.Store(&next)
	return nil
}
