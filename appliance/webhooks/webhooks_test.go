package webhooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// The certificate of the tests' own machines is trusted, as one of the open
// internet is.
func TestMain(m *testing.M) {
	lender := httptest.NewTLSServer(nil)
	dir, err := os.MkdirTemp("", "webhooks")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "roots.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}), 0o600)
	}
	if err == nil {
		err = os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "roots.pem"))
	}
	lender.Close()
	if err != nil {
		panic(err)
	}
	code := m.Run()
	if err := errors.Join(os.RemoveAll(dir), goleak.Find()); err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// box is a log, and a post that delivers what is in it.
type box struct {
	t     *testing.T
	dir   string
	store *store.Store
	post  *Post
	off   atomic.Bool
	stop  func()
}

func start(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir()}
	b.open()
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) open() {
	b.t.Helper()
	var err error
	b.store, err = store.Open(b.dir, slog.New(slog.DiscardHandler))
	b.must(err)
	b.post = New(Config{Store: b.store, Topics: []string{"calls", "mode"}, Off: b.off.Load, Log: slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Tell: func(ev events.Event) (Message, bool) {
			topic, _, _ := strings.Cut(ev.Kind, ".")
			return Message{ID: ev.ID, Type: ev.Kind, Topic: topic, Every: topic == "person", At: ev.At, Data: ev.Data}, topic != "session" && topic != "webhook"
		}})
	b.post.gap = func(int) time.Duration { return time.Millisecond }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.post.Run(ctx) }()
	b.stop = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				b.t.Error(err)
			}
		case <-time.After(time.Minute):
			b.t.Error("the post does not stop")
		}
		if err := errors.Join(b.store.Verify(), b.store.Close()); err != nil {
			b.t.Error(err)
		}
	}
}

func (b *box) emit(kinds ...string) {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		for n, kind := range kinds {
			tx.Emit(events.Event{Kind: kind, Data: map[string]string{"n": fmt.Sprint(n)}})
		}
		return nil
	}))
}

// receiver is another system.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(n int) int // status of the nth request; 0 breaks it off
	more   chan struct{}
}

type received struct {
	header http.Header
	body   string
	id     string
}

func listen(t *testing.T, secure bool) *receiver {
	t.Helper()
	r := &receiver{answer: func(int) int { return http.StatusNoContent }, more: make(chan struct{}, 10_000)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // broken off
		}
		r.mu.Lock()
		status := r.answer(len(r.got))
		r.got = append(r.got, received{q.Header.Clone(), string(body), q.Header.Get("webhook-id")})
		r.mu.Unlock()
		defer func() { r.more <- struct{}{} }()
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	})
	if secure {
		r.Server = httptest.NewTLSServer(handler)
	} else {
		r.Server = httptest.NewServer(handler)
	}
	t.Cleanup(r.Close)
	return r
}

// wants waits until so many requests have come.
func (r *receiver) wants(t *testing.T, n int) []received {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		got := slices.Clone(r.got)
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-limit:
			t.Fatalf("%d of %d requests have come", len(got), n)
		case <-r.more:
		}
	}
}

const near = "127.0.0.0/8"

func (b *box) hook(r *receiver, topics ...string) Hook {
	b.t.Helper()
	if topics == nil {
		topics = []string{"calls", "mode"}
	}
	h, err := b.post.Add(b.t.Context(), Hook{Name: "map", URL: r.URL + "/in", Topics: topics, Network: near, By: "ada"})
	b.must(err)
	return h
}

func (b *box) standing(id string, is func(Status) bool) Status {
	b.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		list, err := b.post.List()
		b.must(err)
		i := slices.IndexFunc(list, func(s Status) bool { return s.ID == id })
		if i >= 0 && is(list[i]) {
			return list[i]
		}
		select {
		case <-limit:
			b.t.Fatalf("it stands at %+v", list)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestWhatHappensIsDelivered in order, once each, signed, and only what was
// chosen; except that everybody hears of whom they must forget.
func TestWhatHappensIsDelivered(t *testing.T) {
	b, r := start(t), listen(t, true)
	b.emit("mode.before") // nobody is told of what was before
	h := b.hook(r, "mode")
	b.emit("mode.one", "calls.one", "session.one", "mode.two", "person.erased", "mode.three")
	got := r.wants(t, 4)
	ids := map[string]bool{}
	for i, want := range []string{"mode.one", "mode.two", "person.erased", "mode.three"} {
		var m struct {
			Type      string
			Timestamp time.Time
			Data      map[string]string
		}
		if err := json.Unmarshal([]byte(got[i].body), &m); err != nil || m.Type != want || m.Timestamp.IsZero() || m.Data["n"] == "" {
			t.Errorf("message %d is %s", i, got[i].body)
		}
		ids[got[i].id] = true
		// By the words of the specification …
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Secret, "whsec_"))
		b.must(err)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(got[i].id + "." + got[i].header.Get("webhook-timestamp") + "." + got[i].body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got[i].header.Get("webhook-signature") != want || len(key) != 32 {
			t.Errorf("message %d is signed %s, not %s", i, got[i].header.Get("webhook-signature"), want)
		}
		// … and by those who receive them.
		verify, err := standardwebhooks.NewWebhook(h.Secret)
		b.must(err)
		if err := verify.Verify([]byte(got[i].body), got[i].header); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
		if verify.Verify([]byte(got[i].body+" "), got[i].header) == nil {
			t.Error("another message has the same signature")
		}
	}
	s := b.standing(h.ID, func(s Status) bool { return s.Behind == 0 })
	if len(ids) != 4 || s.Delivered != 4 || s.Result.Code != Taken || s.Secret != "" {
		t.Errorf("it stands at %+v, ids %v", s, ids)
	}
	list, _, err := b.store.LogAfter(0, 100)
	b.must(err)
	for _, ev := range list {
		if strings.Contains(fmt.Sprint(ev), "whsec") {
			t.Errorf("the log tells the secret: %v", ev)
		}
	}
}

// TestNothingIsLost: whatever the other system answers, and however often the
// hotline stops in between, everything arrives at least once and in order.
func TestNothingIsLost(t *testing.T) {
	b, r := start(t), listen(t, false)
	dice := rand.New(rand.NewPCG(5, 6))
	theirs := rand.New(rand.NewPCG(7, 8))
	r.answer = func(int) int {
		return []int{204, 200, 204, 503, 500, 429, 404, 301, 0}[theirs.IntN(9)]
	}
	b.hook(r)
	var want []string
	for round := range 8 {
		for range 1 + dice.IntN(6) {
			kind := []string{"mode.changed", "session.started"}[dice.IntN(2)]
			b.emit(kind)
		}
		if round%2 == 1 { // in the middle of whatever it does
			b.stop()
			b.open()
		}
	}
	b.emit("mode.last")
	list, _, err := b.store.LogAfter(0, 1000)
	b.must(err)
	for _, ev := range list {
		if strings.HasPrefix(ev.Kind, "mode") {
			want = append(want, ev.ID)
		}
	}
	limit := time.After(time.Minute)
	for {
		r.mu.Lock()
		var ids []string
		for _, one := range r.got {
			ids = append(ids, one.id)
		}
		r.mu.Unlock()
		if ids = slices.Compact(ids); slices.Equal(ids, want) {
			return
		}
		if len(ids) > len(want) || !slices.Equal(ids, want[:len(ids)]) {
			t.Fatalf("they came in another order, or some are missing:\n%v\n%v", ids, want)
		}
		select {
		case <-limit:
			t.Fatalf("%d of %d came", len(ids), len(want))
		case <-r.more:
		}
	}
}

func TestPrivateAddressesAreNotTold(t *testing.T) {
	b, r := start(t), listen(t, false)
	secure := listen(t, true)
	port := r.URL[strings.LastIndex(r.URL, ":"):]
	for address, want := range map[string]Mistake{
		"": WrongURL, "here": WrongURL, "ftp://example.org/": WrongURL, "https://": WrongURL, "https://ada:secret@example.org/": WrongURL, "https://example.org/#x": WrongURL,
		"http://example.org/": WrongPlain, "https://127.0.0.1/": WrongPrivate, "https://[::1]/": WrongPrivate, "https://10.0.0.1/": WrongPrivate, "https://192.168.1.1:8443/": WrongPrivate,
		"https://169.254.169.254/latest/meta-data": WrongPrivate, "https://100.64.0.1/": WrongPrivate, "https://[::ffff:127.0.0.1]/": WrongPrivate, "https://0.0.0.0/": WrongPrivate, "https://[fd00::1]/": WrongPrivate,
		"https://224.0.0.1/": WrongPrivate, "https://" + strings.Repeat("x", 600): WrongURL,
	} {
		if _, err := b.post.Add(t.Context(), Hook{Name: "map", URL: address, Topics: []string{"mode"}, By: "ada"}); !errors.Is(err, want) {
			t.Errorf("%s: %v, not %v", address, err, want)
		}
	}
	for wrong, h := range map[Mistake]Hook{
		WrongName:    {URL: "https://example.org/", Topics: []string{"mode"}},
		WrongTopics:  {Name: "map", URL: "https://example.org/", Topics: []string{"secrets"}},
		WrongNetwork: {Name: "map", URL: "https://example.org/", Topics: []string{"mode"}, Network: "0.0.0.0/0"},
		WrongPrivate: {Name: "map", URL: "http://8.8.8.8/", Topics: []string{"mode"}, Network: near}, // in clear only in one's own
	} {
		if _, err := b.post.Add(t.Context(), h); !errors.Is(err, wrong) {
			t.Errorf("%+v: %v, not %v", h, err, wrong)
		}
	}
	// A name that leads there is noticed when it is connected to.
	h, err := b.post.Add(t.Context(), Hook{Name: "map", URL: "https://localhost" + port + "/", Topics: []string{"mode"}, By: "ada"})
	b.must(err)
	if result, err := b.post.Test(t.Context(), h.ID); err != nil || result.Code != Private {
		t.Errorf("a name of this machine: %+v, %v", result, err)
	}
	b.emit("mode.changed")
	b.standing(h.ID, func(s Status) bool { return s.Tries > 2 && s.Result.Code == Private && s.Delivered == 0 })
	// A certificate of another name is none.
	h, err = b.post.Add(t.Context(), Hook{Name: "map", URL: strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), Topics: []string{"mode"}, Network: near, By: "ada"})
	b.must(err)
	b.must(b.post.Pause(t.Context(), h.ID, true, "ada"))
	if result, err := b.post.Test(t.Context(), h.ID); err != nil || result.Code != Untrusted && result.Code != Private { // localhost may be ::1 alone
		t.Errorf("another certificate: %+v, %v", result, err)
	}
	for _, one := range []*receiver{r, secure} {
		one.mu.Lock()
		if len(one.got) != 0 {
			t.Errorf("it was told %v", one.got)
		}
		one.mu.Unlock()
	}
}

func TestAHookIsPausedAndEnded(t *testing.T) {
	b, r := start(t), listen(t, false)
	r.answer = func(n int) int { return []int{204, 410, 204}[min(n, 2)] }
	h := b.hook(r)
	b.emit("mode.one", "mode.two")
	r.wants(t, 2)
	b.standing(h.ID, func(s Status) bool { return s.Paused && s.Gone && s.Result.Status == 410 })
	b.emit("mode.three")
	if result, err := b.post.Test(t.Context(), h.ID); err != nil || result.Code != Taken {
		t.Errorf("a test: %+v, %v", result, err)
	}
	if got := r.wants(t, 3); !strings.Contains(got[2].body, `"type":"webhook.test"`) || len(got) != 3 {
		t.Errorf("while it is paused: %v", got)
	}
	b.must(b.post.Pause(t.Context(), h.ID, false, "ada"))
	got := r.wants(t, 5)
	if !strings.Contains(got[3].body, "mode.two") || !strings.Contains(got[4].body, "mode.three") {
		t.Errorf("what was kept is %v", got[3:])
	}
	b.standing(h.ID, func(s Status) bool { return s.Behind == 0 && !s.Paused })
	// Switched off, nobody is told; what happens is kept.
	b.off.Store(true)
	b.emit("mode.four")
	if got := r.wants(t, 5); len(got) != 5 {
		t.Errorf("while the part is switched off: %v", got[5:])
	}
	b.off.Store(false)
	b.post.Hurry(h.ID)
	if got := r.wants(t, 6); !strings.Contains(got[5].body, "mode.four") {
		t.Errorf("after that: %v", got[5:])
	}
	b.must(b.post.Remove(t.Context(), h.ID, "ada"))
	if err := b.post.Remove(t.Context(), h.ID, "ada"); !errors.Is(err, ErrNone) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := b.post.Test(t.Context(), h.ID); !errors.Is(err, ErrNone) {
		t.Errorf("a test of one that is gone: %v", err)
	}
	if list, err := b.post.List(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for range most {
		_, err := b.post.Add(t.Context(), Hook{Name: "map", URL: "https://example.org/", Topics: []string{"calls"}, By: "ada"})
		b.must(err)
	}
	if _, err := b.post.Add(t.Context(), Hook{Name: "map", URL: "https://example.org/", Topics: []string{"calls"}, By: "ada"}); !errors.Is(err, TooMany) {
		t.Errorf("one too many: %v", err)
	}
}

// TestWhatIsNeverTakenHoldsUpNobody, and what the log has forgotten is counted.
func TestWhatIsNeverTakenHoldsUpNobody(t *testing.T) {
	b, r := start(t), listen(t, false)
	r.answer = func(n int) int {
		if n < refusals {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	}
	h := b.hook(r)
	b.emit("mode.bad", "mode.good")
	got := r.wants(t, refusals+1)
	if !strings.Contains(got[refusals-1].body, "mode.bad") || !strings.Contains(got[refusals].body, "mode.good") {
		t.Errorf("it was sent %v", got)
	}
	b.standing(h.ID, func(s Status) bool { return s.Refused == 1 && s.Delivered == 1 })
	b.must(b.post.Pause(t.Context(), h.ID, true, "ada"))
	b.emit("mode.lost", "mode.lost")
	last, err := b.store.LastEvent()
	b.must(err)
	b.must(b.store.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.TrimLog(time.Now().Add(time.Hour), int(last))
		return err
	}))
	b.emit("mode.kept")
	b.must(b.post.Pause(t.Context(), h.ID, false, "ada"))
	if got := r.wants(t, refusals+2); !strings.Contains(got[refusals+1].body, "mode.kept") {
		t.Errorf("after the gap: %v", got[refusals+1])
	}
	b.standing(h.ID, func(s Status) bool { return s.Lost >= 2 && s.Delivered == 2 })
}

func TestTriesGrowFurtherApart(t *testing.T) {
	before := time.Duration(0)
	for tries := 1; tries <= 7; tries++ {
		gap := gapAfter(tries)
		if gap <= before || gap > longestGap {
			t.Errorf("after %d tries %s", tries, gap)
		}
		before = gap
	}
	if gap := gapAfter(1000); gap > longestGap || gap < longestGap/2 {
		t.Errorf("at last %s", gap)
	}
	at := time.Now()
	s := Standing{At: at, Result: Result{Code: Answered, Status: 429}}
	if s.settle(7, time.Second, time.Minute) || !s.Next.Equal(at.Add(time.Minute)) || s.Seq != 0 || s.Tries != 1 {
		t.Errorf("asked to wait: %+v", s)
	}
	if !s.Failing.Equal(at) {
		t.Errorf("it fails since %s", s.Failing)
	}
	if s.settle(7, time.Second, 48*time.Hour); !s.Next.Equal(at.Add(longestGap)) {
		t.Errorf("asked to wait for days: %+v", s)
	}
	s.At, s.Result = at.Add(time.Hour), Result{Code: Unreachable}
	if s.settle(7, time.Second, 0); !s.Failing.Equal(at) {
		t.Errorf("an hour later it fails since %s", s.Failing)
	}
	s.Result = Result{Code: Taken, Status: 204}
	if !s.settle(7, time.Second, 0) || !s.Failing.IsZero() {
		t.Errorf("after it was taken: %+v", s)
	}
}
