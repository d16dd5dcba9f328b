package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/switches"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/triage/desk"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// This file is what phone dialogues ask of the rest of the hotline: what their
// steps may do, what is said now, who works by telephone, and calls to our own
// people.

// errPartOff is why a step takes its way on in a crisis.
var errPartOff = errors.New("this part of the hotline is switched off")

// flowHost is what steps of phone dialogues may ask for.
func (h *hotline) flowHost(cfg config.Config) ivr.Host {
	host := desk.FlowHost(h.dispatch)
	host.Bulletins = ivr.Bulletins(h.board, h.edition, h.bulletinsOff)
	keep := host.Voicemail
	host.Voicemail = func(ctx context.Context, session *ivr.Session, m ivr.Message) error {
		if h.switches.Off(switches.Recording) {
			return errPartOff
		}
		return keep(ctx, session, m)
	}
	if len(cfg.FlowHosts) > 0 {
		ask := ivr.Fetch(cfg.FlowHosts)
		host.Fetch = func(ctx context.Context, address string, send map[string]string) (json.RawMessage, error) {
			if h.switches.Off(switches.HTTP) {
				return nil, errPartOff
			}
			return ask(ctx, address, send)
		}
	}
	return host
}

// edition is what is said from now on.
func (h *hotline) edition() ivr.Prompts { return h.studio.Library() }

// bulletinsOff reports that bulletins are switched off.
func (h *hotline) bulletinsOff() bool { return h.switches.Off(switches.Bulletins) }

// ringer makes the hotline's own calls to its people.
func (h *hotline) ringer() func(context.Context, supervise.Ringing) (ivr.Outcome, error) {
	return func(ctx context.Context, r supervise.Ringing) (ivr.Outcome, error) {
		leg, err := h.trunk.Dial(ctx, trunk.Outgoing{To: r.To, Role: r.Role, RingFor: r.RingFor, Lines: linesWithout(h.trunk.Lines(), r.Avoid)})
		if err != nil {
			return ivr.Outcome{}, err
		}
		over := call.Cause{By: call.BySystem, Reason: "the call is over"}
		defer leg.Hangup(over)
		defer context.AfterFunc(ctx, func() { leg.Hangup(over) })()
		return h.engine.Run(leg.Context(), leg.Audio(), ivr.Start{Flow: r.Flow, Language: r.Language, Attributes: r.Attributes})
	}
}

// linesWithout are the names of the lines but for those to avoid, which come last;
// none where there is nothing to avoid: then all are tried in their order.
func linesWithout(all []trunk.LineState, avoid []string) (names []string) {
	if len(avoid) == 0 {
		return nil
	}
	var last []string
	for _, l := range all {
		if slices.Contains(avoid, l.Name) {
			last = append(last, l.Name)
		} else {
			names = append(names, l.Name)
		}
	}
	return append(names, last...)
}

func (h *hotline) checkPIN(ctx context.Context, caller call.Number, pin string) (id, name string, err error) {
	a, err := h.accounts.AuthenticatePhone(ctx, caller, pin, roster.Mode)
	return a.ID, a.Name, err
}

// checkAgent proves who works by telephone.
func (h *hotline) checkAgent(ctx context.Context, caller call.Number, extension, pin string) (desk.Person, error) {
	var a roster.Account
	var err error
	if extension != "" {
		a, err = h.accounts.AuthenticateExtension(ctx, extension, pin, roster.Desk)
	} else {
		a, err = h.accounts.AuthenticatePhone(ctx, caller, pin, roster.Desk)
	}
	if err != nil {
		return desk.Person{}, err
	}
	return desk.Person{ID: a.ID, Name: a.Name, Login: a.Login, Profile: a.Profile, Languages: a.Languages, Can: a.Skills, Phone: a.Phone, Extension: a.Extension,
		Role: string(a.Role), Supervises: a.Role.May(roster.Floor)}, nil
}
