package ivr

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/bulletins"
)

// BulletinsList is the action bulletins.list: what hangs on the board in the
// caller's language, each with the time as of which it holds.
//
// Results: "ok", or "none" when there is nothing to hear. Sets bulletins.count
// and gives {announcement: bulletins} its sound. While off says so there is
// nothing to hear.
func BulletinsList(board *bulletins.Board, edition func() Prompts, off func() bool) Action {
	n := &newsreader{}
	return func(_ context.Context, s *Session) (string, error) {
		now := time.Now()
		list := board.Playing(s.Language(), now)
		if off() {
			list = nil
		}
		s.Set("bulletins.count", strconv.Itoa(len(list)))
		if len(list) == 0 {
			s.Announce(announcementBulletins, nil)
			return "none", nil
		}
		clip, err := n.news(edition(), s.Language(), list, now.Local())
		if err != nil {
			return "", err
		}
		s.Announce(announcementBulletins, clip)
		return "ok", nil
	}
}

// Bulletins is Host.Bulletins: what hangs on the board, each with the time as
// of which it holds in front of it. There is one list, whatever its name.
func Bulletins(board *bulletins.Board, edition func() Prompts, off func() bool) func(context.Context, string, string, time.Time) ([]Bulletin, error) {
	n := &newsreader{}
	return func(_ context.Context, _, language string, now time.Time) ([]Bulletin, error) {
		var list []Bulletin
		if off() {
			return nil, nil
		}
		for _, one := range board.Playing(language, now) {
			clip, err := n.news(edition(), language, []bulletins.Heard{one}, now.Local())
			if err != nil {
				return nil, err
			}
			list = append(list, Bulletin{ID: one.ID, Sound: clip})
		}
		return list, nil
	}
}

// newsreader puts bulletins and their times together. The same news is read to
// many callers: what was put together is kept, until a prompt is recorded or its
// text changed.
type newsreader struct {
	mu      sync.Mutex
	edition Prompts // whose words were put in
	read    map[string]*audio.Clip
}

// mostNews is how many different news are kept: the languages and bulletins,
// before and after midnight.
const mostNews = 64

// betweenNews is the pause before each bulletin.
const betweenNews = 500 * time.Millisecond

func (n *newsreader) news(edition Prompts, language string, list []bulletins.Heard, now time.Time) (*audio.Clip, error) {
	key := language + now.Format(time.DateOnly)
	for _, one := range list {
		key += " " + one.ID + one.AsOf.String()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.edition != edition {
		n.edition, n.read = edition, map[string]*audio.Clip{}
	}
	if clip := n.read[key]; clip != nil {
		return clip, nil
	}
	var clips []*audio.Clip
	for _, one := range list {
		asOf, err := AsOf(edition, language, one.AsOf.In(now.Location()), now)
		if err != nil {
			return nil, err
		}
		clips = append(clips, audio.Silence(betweenNews), asOf, audio.Silence(breath), one.Sound)
	}
	if len(n.read) >= mostNews {
		clear(n.read)
	}
	n.read[key] = audio.Concat(clips...)
	return n.read[key], nil
}

// AsOf speaks since when something holds: "as of today, ten thirty A.M.". Both
// times are in the time zone of the callers.
func AsOf(p Prompts, language string, at, now time.Time) (*audio.Clip, error) {
	var clips []*audio.Clip
	var missing []error
	add := func(clip *audio.Clip, err error) {
		if len(clips) > 0 {
			clips = append(clips, audio.Silence(breath))
		}
		clips, missing = append(clips, clip), append(missing, err)
	}
	days := int(midnight(now).Sub(midnight(at)).Hours()+12) / 24 // a day with a clock change is one too
	switch days {
	case 0:
		add(p.Clip(language, "asof.today"))
	case 1:
		add(p.Clip(language, "asof.yesterday"))
	default:
		add(p.Clip(language, "asof.date"))
		add(p.Date(language, at))
	}
	add(p.Time(language, at))
	return audio.Concat(clips...), errors.Join(missing...)
}

func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}
