// Package once lets a request that is sent twice be carried out once: whoever
// sends it names it, and the answer is kept for a day, sealed like all records,
// and given again. It does not know what is asked.
//
// A request is noted before it is carried out. If the program ends between that
// and the answer, nobody can know whether it was carried out, and that is what
// is said.
package once

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"hotline/appliance/store"
)

// keepFor is how long an answer is given again.
const keepFor = 24 * time.Hour

// swept is how many old answers go with a new one.
const swept = 20

// Why a request is neither carried out nor answered.
var (
	ErrOther   = errors.New("this key was used for another request: use a new one")
	ErrRunning = errors.New("a request with this key is being carried out: wait for its answer")
	ErrUnknown = errors.New("a request with this key was begun, and the hotline stopped before it was answered: look whether it was carried out, and use a new key if it was not")
	ErrErased  = errors.New("a request with this key was carried out; its answer went when somebody was taken out of the records")
)

// Answer is what was answered.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"` // in clear inside the seal: what is looked for is found
}

// kept is a request as it is stored.
type kept struct {
	Key    string    `json:"key"`   // digest of who asks and their key
	Asked  string    `json:"asked"` // digest of what was asked
	Run    string    `json:"run"`   // of the program
	At     time.Time `json:"at"`
	Done   bool      `json:"done,omitempty"`
	Erased bool      `json:"erased,omitempty"`
	Answer Answer    `json:"answer,omitzero"`
}

var (
	requests = store.NewTable[kept]("requests_once") // by id: the oldest first
	byKey    = store.NewIndex("requests_once_by_key")
)

// Book remembers requests.
type Book struct {
	store *store.Store
	run   string // of the program: what another one has begun is carried out no more

	mu   sync.Mutex
	lost map[string]bool // ids of requests whose answer could not be kept
}

// Open reads nothing yet.
func Open(s *store.Store) *Book {
	return &Book{store: s, run: rand.Text(), lost: map[string]bool{}}
}

// Request is one that is to be carried out now.
type Request struct {
	book *Book
	id   string
}

// Begin notes a request that who sends under a key. It is nil when it was
// answered before: then this is the answer.
func (b *Book) Begin(ctx context.Context, who, key, asked string) (*Request, Answer, error) {
	var before kept
	var id string
	var known bool
	err := b.store.Update(ctx, func(tx *store.Tx) error {
		before, known = kept{}, false
		digest, now := tx.Digest("once key\n"+who+"\n"+key), tx.Now()
		if _, err := Sweep(tx, now, swept); err != nil {
			return err
		}
		for found := range byKey.IDs(tx, digest) {
			one, err := requests.Get(tx, found)
			if err != nil {
				return err
			}
			if now.Sub(one.At) < keepFor {
				id, before, known = found, one, true
			}
		}
		is := tx.Digest("once request\n" + asked)
		if known {
			if before.Asked != is {
				return ErrOther
			}
			return nil
		}
		id = tx.NewID()
		return errors.Join(requests.Put(tx, id, kept{Key: digest, Asked: is, Run: b.run, At: now}), byKey.Add(tx, digest, id))
	})
	switch {
	case errors.Is(err, ErrOther):
		return nil, Answer{}, ErrOther
	case err != nil:
		return nil, Answer{}, fmt.Errorf("noting a request: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !known:
		return &Request{b, id}, Answer{}, nil
	case before.Erased:
		return nil, Answer{}, ErrErased
	case before.Done:
		return nil, before.Answer, nil
	case before.Run == b.run && !b.lost[id]:
		return nil, Answer{}, ErrRunning
	}
	return nil, Answer{}, ErrUnknown
}

// Sweep removes answers that are given no more at now, a number at most, and
// reports how many they were: those of the last requests go with no other.
func Sweep(tx *store.Tx, now time.Time, most int) (int, error) {
	var old []string
	for id, one := range requests.All(tx) {
		if len(old) == most || now.Sub(one.At) < keepFor {
			break
		}
		old = append(old, id)
	}
	for _, id := range old {
		if err := drop(tx, id); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

func drop(tx *store.Tx, id string) error {
	one, err := requests.Get(tx, id)
	if err != nil {
		return err
	}
	return errors.Join(requests.Delete(tx, id), byKey.Remove(tx, one.Key, id))
}

// Answered keeps the answer.
func (r *Request) Answered(ctx context.Context, a Answer) error {
	return r.over(r.book.store.Update(ctx, func(tx *store.Tx) error {
		one, err := requests.Get(tx, r.id)
		if err != nil {
			return err
		}
		one.Done, one.Answer = true, a
		return requests.Put(tx, r.id, one)
	}))
}

// Failed forgets a request that was not carried out: it may be tried again.
func (r *Request) Failed(ctx context.Context) error {
	return r.over(r.book.store.Update(ctx, func(tx *store.Tx) error { return drop(tx, r.id) }))
}

// over remembers that the end of a request could not be written.
func (r *Request) over(err error) error {
	if err != nil {
		r.book.mu.Lock()
		r.book.lost[r.id] = true
		r.book.mu.Unlock()
	}
	return err
}

// Erase takes all answers away, in the transaction of somebody who erases
// records: they may hold what is erased. That the requests were carried out
// stays.
func Erase(tx *store.Tx) error {
	var told []string
	for id, one := range requests.All(tx) {
		if one.Done && !one.Erased {
			told = append(told, id)
		}
	}
	for _, id := range told {
		one, err := requests.Get(tx, id)
		if err != nil {
			return err
		}
		one.Erased, one.Answer = true, Answer{}
		if err := requests.Put(tx, id, one); err != nil {
			return err
		}
	}
	return nil
}
