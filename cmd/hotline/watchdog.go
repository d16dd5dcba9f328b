package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"hotline/triage"
)

// tellSystem tells systemd that the program has started and, where a watchdog
// was set, again and again that it lives (sd_notify(3)): only after alive has
// returned without error. When it hangs, systemd starts the program anew, which
// is better for the next caller than a hotline that looks alive. Without systemd
// nothing happens. It returns when ctx ends; an alive that hangs then is left.
func tellSystem(ctx context.Context, log *slog.Logger, alive func() error) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Error("systemd cannot be told that the hotline has started; callers do not notice, but it may start it anew", "error", err)
	}
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Error("the watchdog of systemd has no time that can be read; it is not used", "error", err)
	}
	if limit == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(limit / 3)
	defer tick.Stop()
	for {
		answer := make(chan error, 1)
		go func() { answer <- alive() }()
		select {
		case <-ctx.Done():
			return
		case err := <-answer:
			if err == nil {
				_, err = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
			if err != nil {
				log.Error("the hotline does not tell systemd that it is well; it will be started anew if this lasts", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive goes through what every call needs: the records, the door of the calls
// and the order in which people are helped. A lock that is never given back
// stops it.
func (h *hotline) alive() error {
	h.trunk.Stats()
	h.dispatch.Load(triage.QueueHelp, time.Now())
	_, err := h.records.LastEvent()
	return err
}

func (h *hotline) tellSystem(ctx context.Context) error {
	tellSystem(ctx, h.log, h.alive)
	return nil
}
