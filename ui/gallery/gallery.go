// Package gallery shows every page in every state, with people and calls that
// were made up: to look at before somebody depends on it. The pages are the real
// ones, in front of real records in a folder of their own; only the room in
// which calls are answered is a painted one.
package gallery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/audio"
	"hotline/appliance/calendar"
	"hotline/appliance/media"
	"hotline/appliance/place"
	"hotline/appliance/softphone"
	"hotline/ivr/prompts"
	"hotline/ui"
	"hotline/ui/page"
	"hotline/ui/words"
)

// Gallery is all scenes and the way between them.
type Gallery struct {
	scenes   map[string]*scene
	pictures []Picture
	texts    *words.Catalogues
	pacer    *media.Pacer
	gateway  *softphone.Gateway
	log      *slog.Logger

	mu   sync.Mutex
	lost map[string]bool // pages whose connection was cut already
}

// New makes everything up, in folders below dir. It starts nothing.
func New(ctx context.Context, dir string, log *slog.Logger) (g *Gallery, err error) {
	g = &Gallery{scenes: map[string]*scene{}, pictures: Pictures(), log: log, lost: map[string]bool{}, pacer: media.NewPacer(log)}
	if g.texts, err = words.WithLong(); err != nil {
		return nil, err
	}
	// The microphones of the pages have somewhere to go; nobody listens.
	if g.gateway, err = softphone.New(softphone.Config{IPs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, Pacer: g.pacer, Log: log}); err != nil {
		return nil, err
	}
	for _, name := range []string{fullScene, emptyScene, spareScene, longScene} {
		r := &room{seats: desks(), gateway: g.gateway, never: make(chan struct{})}
		if g.scenes[name], err = newScene(ctx, filepath.Join(dir, name), r, g.texts, log); err != nil {
			return nil, errors.Join(fmt.Errorf("making up the scene %s: %w", name, err), g.Close())
		}
	}
	for name, special := range map[string]func() (*scene, error){firstScene: g.first, lockScene: g.locked, pointScene: g.pointer} {
		if g.scenes[name], err = special(); err != nil {
			delete(g.scenes, name)
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// first is a machine on which no hotline has been set up.
func (g *Gallery) first() (*scene, error) {
	shipped, err := prompts.Shipped()
	if err != nil {
		return nil, err
	}
	pages, err := ui.NewFirstRun(ui.FirstRunConfig{MadeUp: true, Callers: []string{"es", "en", "fr", "ar", "pt", "id"}, Log: g.log,
		Answers: page.FirstRunAnswers{Hotline: "Valle Alto hotline", Operation: operation, Region: region, Zone: "UTC", Languages: spoken(), Line: "none", AdminName: "Maryam", AdminLogin: "admin", GreetingLanguage: "es"},
		Check: func(a page.FirstRunAnswers) error {
			if a.Hotline == "" {
				return errors.New("give the hotline and the disaster response a name each")
			}
			return nil
		},
		Disks: func() []place.Disk {
			return append([]place.Disk{{Path: "/media/COPIES-3F2A11BC", Name: "COPIES", Size: 64e9, Free: 61e9}}, ofNoUse()...)
		},
		Folder: func() page.FirstRunFolder { return page.FirstRunFolder{Path: "data", FreeGB: 210, Hours: 3700} },
		Greeting: func(language string) (string, *audio.Clip, error) {
			clip, err := shipped.Clip(language, "hello")
			return shipped.Text(language, "hello"), clip, err
		},
		Finish: func(context.Context, ui.FirstRunChoice) (page.FirstRunMade, error) {
			return page.FirstRunMade{}, errMadeUp
		}})
	if err != nil {
		return nil, err
	}
	return &scene{pages: pages.Handler(), fresh: func(ctx context.Context, s *scene) error { return s.begin(ctx, pages.Code()) }}, nil
}

// locked is a hotline that has started without its key.
func (g *Gallery) locked() (*scene, error) {
	pages, err := ui.NewLocked(ui.LockedConfig{MadeUp: true, Operation: operation, Version: "gallery", Why: "passphrase", Since: time.Now().Add(-20 * time.Minute), Passphrase: true, Recovery: true,
		Calls:  func() (int, int) { return 2, 14 },
		Unlock: func(context.Context, string, []byte) error { return errMadeUp }, Log: g.log})
	if err != nil {
		return nil, err
	}
	return &scene{pages: pages.Handler(), made: map[string]string{"wall": "aaaaaaaaaaaaaaaa"}}, nil
}

// pointer is what comes by itself on the Wi-Fi network of a machine.
func (g *Gallery) pointer() (*scene, error) {
	pages, err := ui.NewPointer(ui.PointerConfig{MadeUp: true, Log: g.log, Addresses: func() []string { return []string{"https://hotline.local:8443", "https://10.68.79.1:8443"} }})
	return &scene{pages: pages}, err
}

// Close gives back what New took.
func (g *Gallery) Close() error {
	var errs []error
	for _, s := range g.scenes {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Run fills the scenes, serves them and says so, until ctx ends. It closes the
// listener.
func (g *Gallery) Run(ctx context.Context, listener net.Listener, ready func()) error {
	server := &http.Server{Handler: g.Handler(), ReadHeaderTimeout: readHeaders}
	group, ctx := errgroup.WithContext(ctx)
	runs := []func(context.Context) error{g.pacer.Run, g.gateway.Run}
	for _, s := range g.scenes {
		runs = append(runs, s.runs...)
	}
	for _, run := range runs {
		group.Go(func() error {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		return server.Close() // the listener, too
	})
	group.Go(func() error {
		if err := g.fill(ctx); err != nil {
			return errors.Join(err, listener.Close())
		}
		ready()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return group.Wait()
}

const readHeaders = 10 * time.Second

// fill makes up what has happened in each scene.
func (g *Gallery) fill(ctx context.Context) error {
	g.scenes[fullScene].fresh = func(ctx context.Context, s *scene) error {
		if err := s.third(ctx); err != nil {
			return err
		}
		s.room.floor = busyFloor(s.made["colleague"])
		return nil
	}
	g.scenes[emptyScene].fresh = func(ctx context.Context, s *scene) error { return s.staff(ctx) }
	g.scenes[spareScene].fresh = g.scenes[emptyScene].fresh
	g.scenes[longScene].fresh = func(ctx context.Context, s *scene) error {
		s.health, s.rehearsals.running = ailing(), true
		for _, days := range []int{40, 0} { // the date has leapt
			if _, err := calendar.Believe(ctx, s.store, time.Now().AddDate(0, 0, -days)); err != nil {
				return err
			}
		}
		return s.tiring(ctx)
	}
	for name, s := range g.scenes {
		if s.fresh == nil {
			continue
		}
		if err := s.fresh(ctx, s); err != nil {
			return fmt.Errorf("making up the scene %s: %w", name, err)
		}
		if s.finder != nil {
			if err := s.finder.Settle(ctx); err != nil {
				return err
			}
			for role, id := range s.who.ids {
				s.made[role] = id
			}
		}
	}
	return nil
}
