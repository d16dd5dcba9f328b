package ivr

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/ivr/flow"
)

// askFor is how long a step waits for figures that are in memory.
const askFor = 2 * time.Second

// usualPriority is that of a contact of which nothing was said.
const usualPriority = 5

// service runs the steps that lead to service.
func (r *run) service(ctx context.Context, s *flow.Step) flow.Target {
	way := "next"
	switch s.Kind {
	case flow.When:
		return r.when(s)
	case flow.Split:
		return r.split(s)
	case flow.Bulletins:
		return r.bulletins(ctx, s)
	case flow.CallBack:
		return r.callBack(ctx, s)
	case flow.Loop:
		way = r.loop(s)
	case flow.OpenHours:
		way = r.hours(ctx, s)
	case flow.Staffing:
		way = r.staffing(ctx, s)
	case flow.Voicemail:
		way = r.voicemail(ctx, s)
	case flow.Lookup:
		way = r.lookup(s)
	case flow.HTTP:
		way = r.fetch(ctx, s)
	case flow.Transfer:
		way = r.transfer(ctx, s)
	}
	r.passed(s, way)
	return s.Way(way)
}

func (r *run) when(s *flow.Step) flow.Target {
	for i, c := range s.When.Cases {
		if c.Holds(r.known, time.Now()) {
			r.passed(s, strconv.Itoa(i+1))
			return c.Then
		}
	}
	r.passed(s, "else")
	return s.When.Else
}

func (r *run) known(name string) string { return r.attributes[name] }

// split sends a share of the calls each way: by contact, so that a call never
// changes sides.
func (r *run) split(s *flow.Step) flow.Target {
	sum := sha256.Sum256([]byte(s.Split.Name + "\x00" + r.attributes[AttributeContactID]))
	at := int(binary.BigEndian.Uint64(sum[:8]) % 100)
	for _, w := range s.Split.Ways {
		if at -= w.Percent; at < 0 {
			r.passed(s, w.Target.Step)
			return w.Target
		}
	}
	return s.Split.Ways[0].Target // the percents add up: checked when the flow was read
}

// loop counts over the whole call, so that a circle through it always ends.
func (r *run) loop(s *flow.Step) string {
	if r.rounds[s] >= s.Loop.Times {
		return flow.WayDone
	}
	r.rounds[s]++
	return flow.WayAgain
}

func (r *run) hours(ctx context.Context, s *flow.Step) string {
	now := time.Now()
	schedule := r.flows.Schedule(s.Hours.Schedule)
	state, day := schedule.At(now)
	r.Set("hours.state", string(state))
	r.Set("hours.opens", "")
	r.Set("hours.opens.minutes", "")
	if opens := schedule.Opens(now); state != flow.Open && !opens.IsZero() {
		r.Set("hours.opens", opens.Format(time.RFC3339))
		r.Set("hours.opens.minutes", strconv.Itoa(int(math.Ceil(opens.Sub(now).Minutes()))))
	}
	if day != nil {
		r.say(ctx, day.Say, s.BargeIn)
	}
	if state == flow.Holiday && !s.Ways[flow.WayHoliday].Given() {
		return flow.WayClosed
	}
	return string(state)
}

func (r *run) staffing(ctx context.Context, s *flow.Step) string {
	ask := r.engine.cfg.Host.Staffing
	if ask == nil {
		return flow.WayError
	}
	figures, err := guarded(ctx, askFor, func(ctx context.Context) (Staffing, error) { return ask(ctx, s.Staffing.Queue) })
	if err != nil {
		r.failed(s, err)
		return flow.WayError
	}
	r.Set("staffing.signed_in", strconv.Itoa(figures.SignedIn))
	r.Set("staffing.available", strconv.Itoa(figures.Available))
	r.Set("staffing.busy", strconv.Itoa(figures.Busy))
	r.Set("queue.waiting", strconv.Itoa(figures.Waiting))
	r.Set("queue.wait", "")
	if figures.WaitKnown {
		r.Set("queue.wait", Minutes(figures.Wait))
	}
	switch {
	case figures.SignedIn == 0:
		return flow.WayNobody
	case figures.Available > figures.Waiting:
		return flow.WayAvailable
	case s.Staffing.Long > 0 && figures.WaitKnown && figures.Wait >= s.Staffing.Long:
		return flow.WayLong
	}
	return flow.WayBusy
}

// Minutes is a wait as callers are told it: whole minutes, rounded up.
func Minutes(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Minutes()))) }

// callBack has a number confirmed and promises to call it.
func (r *run) callBack(ctx context.Context, s *flow.Step) flow.Target {
	number := r.callBackNumber(ctx, s)
	if ctx.Err() != nil {
		return flow.Target{}
	}
	if number == "" {
		r.passed(s, flow.WaySilence)
		return s.Ways[flow.WaySilence]
	}
	p := Promise{Number: number, Queue: s.CallBack.Queue, Priority: r.priority(s.CallBack.Priority), Since: r.began, Language: r.Language()}
	if since, err := time.Parse(time.RFC3339Nano, r.attributes[AttributeSince]); err == nil {
		p.Since = since
	}
	err := errors.New("this hotline cannot keep call-backs")
	if keep := r.engine.cfg.Host.Promise; keep != nil {
		// Who asked and then hangs up is called back all the same.
		kept, cancel := outlive(ctx)
		_, err = guarded(kept, commitFor, func(ctx context.Context) (struct{}, error) { return struct{}{}, keep(ctx, r.Session, p) })
		cancel()
	}
	if err != nil {
		r.failed(s, err)
		r.passed(s, flow.WayError)
		return s.Ways[flow.WayError]
	}
	r.promise = &p
	r.passed(s, "promised")
	return s.Next
}

// callBackNumber is the number shown, when the caller agrees or says nothing
// against it, or one that was keyed and confirmed.
func (r *run) callBackNumber(ctx context.Context, s *flow.Step) string {
	shown := r.attributes[AttributeCaller]
	if r.attributes[AttributeWithheld] == "yes" {
		shown = ""
	}
	if shown != "" {
		if len(s.CallBack.Ask) == 0 {
			return shown
		}
		r.say(ctx, s.CallBack.Ask, s.BargeIn)
		if key, pressed := r.key(ctx, s.CallBack.Number.First); !pressed || key == '1' {
			return shown
		}
	}
	if r.gather(ctx, s, s.CallBack.Number) {
		return r.attributes[flow.CallBackNumber]
	}
	return ""
}

func (r *run) voicemail(ctx context.Context, s *flow.Step) string {
	clip := r.take(ctx, s, s.Voicemail.Record)
	if clip == nil {
		return flow.WaySilence
	}
	err := errors.New("this hotline cannot keep messages")
	if keep := r.engine.cfg.Host.Voicemail; keep != nil {
		kept, cancel := outlive(ctx) // what was said before a hang-up counts
		m := Message{Box: s.Voicemail.Box, Sound: clip, Language: r.Language()}
		_, err = guarded(kept, commitFor, func(ctx context.Context) (struct{}, error) { return struct{}{}, keep(ctx, r.Session, m) })
		cancel()
	}
	if err != nil {
		r.failed(s, err)
		return flow.WayError
	}
	r.message = true
	return "next"
}

func (r *run) bulletins(ctx context.Context, s *flow.Step) flow.Target {
	b := s.Bulletins
	leave := func(way string) flow.Target { r.passed(s, way); return s.Way(way) }
	list := r.engine.cfg.Host.Bulletins
	if list == nil {
		return leave(flow.WayError)
	}
	found, err := guarded(ctx, askFor, func(ctx context.Context) ([]Bulletin, error) {
		return list(ctx, b.List, r.Language(), time.Now())
	})
	found = slices.DeleteFunc(found, func(b Bulletin) bool { return b.Sound.Duration() == 0 })
	switch {
	case err != nil:
		r.failed(s, err)
		return leave(flow.WayError)
	case len(found) == 0:
		return leave(flow.WayNone)
	}
	r.say(ctx, s.Say, s.BargeIn)
	for _, bulletin := range found {
		r.sound(ctx, bulletin.Sound, true)
		if ctx.Err() != nil {
			return flow.Target{}
		}
		for {
			key, pressed := r.key(ctx, breath)
			if ctx.Err() != nil {
				return flow.Target{}
			}
			if !pressed || key == b.Skip {
				break
			}
			if target, known := b.Keys[key]; known {
				r.pressed(key, false)
				r.passed(s, string(key))
				return target
			}
		}
	}
	return leave("next")
}

func (r *run) lookup(s *flow.Step) string {
	l := s.Lookup
	table := r.flows.Table(l.Table)
	row, found := table.Find(r.attributes[l.Key])
	for _, column := range table.Columns {
		r.Set(l.Into+"."+column, row[column]) // "" takes away what an earlier look-up left
	}
	if !found {
		return flow.WayMissing
	}
	return "next"
}

func (r *run) fetch(ctx context.Context, s *flow.Step) string {
	h := s.HTTP
	if r.engine.cfg.Host.Fetch == nil {
		r.failed(s, errors.New("asking other machines is not allowed in the configuration file"))
		return flow.WayError
	}
	send := map[string]string{}
	for _, name := range h.Send {
		send[name] = r.attributes[name]
	}
	answer, err := guarded(ctx, h.Timeout, func(ctx context.Context) (json.RawMessage, error) {
		return r.engine.cfg.Host.Fetch(ctx, h.URL, send)
	})
	values := map[string]string{}
	for attribute, path := range h.Take {
		if err == nil {
			values[attribute], err = pick(answer, path)
		}
	}
	if err != nil {
		r.failed(s, err)
		return flow.WayError
	}
	for attribute, value := range values {
		r.Set(attribute, value)
	}
	return "next"
}

// pick takes one value out of a JSON answer: names and numbers with dots
// between them.
func pick(answer json.RawMessage, path string) (string, error) {
	for _, name := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(answer, &object) == nil && object[name] != nil:
			answer = object[name]
		case json.Unmarshal(answer, &list) == nil:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(list) {
				return "", fmt.Errorf("the answer has no %q", path)
			}
			answer = list[i]
		default:
			return "", fmt.Errorf("the answer has no %q", path)
		}
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(answer)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return yes(v), nil
	}
	return "", fmt.Errorf("%q of the answer is no single value", path)
}

func (r *run) transfer(ctx context.Context, s *flow.Step) string {
	connect := r.engine.cfg.Host.Transfer
	if connect == nil {
		r.failed(s, errors.New("this hotline does not call other numbers"))
		return flow.WayFailed
	}
	r.say(ctx, s.Say, s.BargeIn)
	if ctx.Err() != nil {
		return flow.WayFailed
	}
	_, err := guarded(ctx, 0, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, connect(ctx, r.Session, s.Transfer.Number, s.Transfer.Ring)
	})
	r.steps = 0
	if err != nil {
		r.failed(s, err)
		return flow.WayFailed
	}
	return "next"
}

// priority is the one that a step names, else that of the contact.
func (r *run) priority(named int) int {
	if named > 0 {
		return named
	}
	if n, ok := flow.Number(r.attributes[AttributePriority]); ok && n >= 1 && n <= 99 {
		return n
	}
	return usualPriority
}

// skills are those that the step and the contact ask for.
func (r *run) skills(named []string) []string {
	all := slices.Clone(named)
	for _, skill := range flow.Items(r.attributes[AttributeSkills]) {
		if !slices.Contains(all, skill) {
			all = append(all, skill)
		}
	}
	return all
}

func (r *run) failed(s *flow.Step, err error) {
	level := slog.LevelError
	if errors.Is(err, ErrRefused) {
		level = slog.LevelDebug
	}
	what := string(s.Kind)
	if s.Do != nil {
		what = s.Do.Action
	}
	r.log.Log(context.Background(), level, "a step of a dialogue failed; the call takes the step's error path", "step", s.Name, "does", what, "error", err)
}

// ErrRefused is for what a host refuses because this is no real call. The step
// takes its error path, and nobody need look into it.
var ErrRefused = errors.New("this is no real call")

// guarded asks the host, within a limit and without letting its panic through.
func guarded[T any](ctx context.Context, limit time.Duration, ask func(context.Context) (T, error)) (answer T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return ask(ctx)
}
