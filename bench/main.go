//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

type options struct {
	parts   []string
	hotline string         // the finished program
	server  netip.AddrPort // where the server takes calls
	number  string         // to dial at another server
	pid     int            // of another server, which runs already
	measure time.Duration
	repeat  int
	answer  bool
	profile string
}

// parts in the order they run.
var parts = []struct {
	name, title string
	run         func(context.Context, options) (table, error)
}{
	{"prompts", "Callers who talk while they hear prompts and music (finished program)", prompts},
	{"memory", "Callers who wait in the queue (finished program, 40 s after the last arrived)", waiting},
	{"setup", "Calls answered, heard for 6 s and hung up, while 50 others hear music (finished program, 1,000 calls at a time allowed)", setup},
	{"start", "From the start of the process to the first answered call (finished program)", start},
	{"bridges", "Two callers joined, both talking (voice plane alone)", pairs},
	{"recorded", "The same, recorded (voice plane alone)", recorded},
	{"browsers", "A caller and a browser joined, both talking (voice plane alone)", browsers},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.answer {
		return answer(ctx, o)
	}
	if o.pid != 0 {
		t, err := callers(ctx, o, []int{200, 1000}, func() (*server, error) { return &server{at: o.server, number: o.number, pid: o.pid}, nil })
		if err != nil {
			return err
		}
		return t.print(out, fmt.Sprintf("Callers of %s at %v", o.number, o.server))
	}
	for _, p := range parts {
		if !slices.Contains(o.parts, p.name) {
			continue
		}
		for range o.repeat {
			t, err := p.run(ctx, o)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", p.name, err)
			}
			if err := t.print(out, p.title); err != nil {
				return err
			}
		}
	}
	return nil
}

func parse(args []string) (options, error) {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	var o options
	var server, chosen string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&chosen, "parts", strings.Join(all, ","), "what to measure")
	f.StringVar(&o.hotline, "hotline", "./hotline", "the finished program")
	f.StringVar(&server, "sip", "127.0.0.1:5570", "SIP address of the server")
	f.StringVar(&o.number, "number", "100", "with -pid: number to dial")
	f.IntVar(&o.pid, "pid", 0, "measure callers of a server that runs already, by its process number")
	f.DurationVar(&o.measure, "measure", 15*time.Second, "how long to measure each number of calls")
	f.IntVar(&o.repeat, "repeat", 1, "how often to measure each part")
	f.BoolVar(&o.answer, "answer", false, "be the server: the voice plane alone")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the voice plane alone to this file")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.parts = strings.Split(chosen, ",")
	for _, name := range o.parts {
		if !slices.Contains(all, name) {
			return o, fmt.Errorf("-parts: there is no %q; choose from %s", name, strings.Join(all, ","))
		}
	}
	var err error
	if o.server, err = netip.ParseAddrPort(server); err != nil {
		return o, fmt.Errorf("-sip: %w", err)
	}
	if !o.server.Addr().IsLoopback() {
		return o, errors.New("-sip: the load may only be aimed at this machine (127.0.0.1)")
	}
	return o, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
