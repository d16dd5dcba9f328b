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
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	server  netip.AddrPort
	number  string
	launch  string
	pid     int
	sizes   []int
	rate    float64
	measure time.Duration
	answer  bool
	mute    bool
	bridge  bool
	profile string
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
	var rows []result
	for _, calls := range o.sizes {
		r, err := o.one(ctx, calls)
		if err != nil {
			return fmt.Errorf("measuring %d calls: %w", calls, err)
		}
		rows = append(rows, r)
	}
	return o.print(out, rows)
}

func parse(args []string) (options, error) {
	var o options
	var server, sizes string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&server, "sip", "127.0.0.1:5566", "SIP address of the server")
	f.StringVar(&o.number, "number", "music", "number to dial")
	f.StringVar(&o.launch, "launch", "", "command that starts the server; started anew for each size")
	f.IntVar(&o.pid, "pid", 0, "process to measure when the server runs already")
	f.StringVar(&sizes, "calls", "200,1000", "numbers of calls to measure")
	f.Float64Var(&o.rate, "rate", 100, "calls placed per second")
	f.DurationVar(&o.measure, "measure", 20*time.Second, "how long to measure each size")
	f.BoolVar(&o.mute, "mute", false, "callers send only a packet a second")
	f.BoolVar(&o.answer, "answer", false, "be the server: the voice plane alone, playing music to every caller")
	f.BoolVar(&o.bridge, "bridge", false, "the voice plane alone connects callers in pairs instead")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the voice plane alone to this file")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for part := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > maxCalls {
			return o, fmt.Errorf("-calls %q: want numbers from 1 to %d, separated by commas", sizes, maxCalls)
		}
		o.sizes = append(o.sizes, n)
	}
	var err error
	if o.server, err = netip.ParseAddrPort(server); err != nil {
		return o, fmt.Errorf("-sip: %w", err)
	}
	if !o.server.Addr().IsLoopback() {
		return o, errors.New("-sip: the load may only be aimed at this machine (127.0.0.1)")
	}
	if o.launch == "" && o.pid == 0 && !o.answer {
		self, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.launch = fmt.Sprintf("%s -answer -sip %s -bridge=%v -profile=%s", self, server, o.bridge, o.profile)
	}
	return o, nil
}

// one measures one number of calls.
func (o options) one(ctx context.Context, calls int) (result, error) {
	pid := o.pid
	if o.launch != "" {
		words := strings.Fields(o.launch)
		server := exec.Command(words[0], words[1:]...)
		server.Stderr = os.Stderr
		if err := server.Start(); err != nil {
			return result{}, fmt.Errorf("starting the server: %w", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- server.Wait() }()
		defer func() {
			server.Process.Signal(os.Interrupt)
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				server.Process.Kill()
				<-ended
			}
		}()
		pid = server.Process.Pid
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute+o.measure+time.Duration(float64(calls)/o.rate*float64(time.Second)))
	defer cancel()
	signals, err := newSignalling(o.server, o.number)
	if err != nil {
		return result{}, err
	}
	defer signals.close()
	if err := signals.ready(ctx); err != nil {
		return result{}, err
	}
	voice, err := newVoice(o.mute)
	if err != nil {
		return result{}, err
	}
	defer voice.close()

	// One call first: what every server sets up once is not counted per call.
	warm, err := signals.place(ctx, voice.port())
	if err != nil {
		return result{}, fmt.Errorf("the first call: %w", err)
	}
	voice.add(warm.media)
	if err := sleep(ctx, 2*time.Second); err != nil {
		return result{}, err
	}
	idle, err := readProcess(pid)
	if err != nil {
		return result{}, err
	}

	refused := signals.placeAll(ctx, calls-1, o.rate, voice)
	if err := sleep(ctx, 3*time.Second); err != nil {
		return result{}, err
	}
	before, err := readProcess(pid)
	if err != nil {
		return result{}, err
	}
	voice.measure(true)
	began := time.Now()
	if err := sleep(ctx, o.measure); err != nil {
		return result{}, err
	}
	after, err := readProcess(pid)
	if err != nil {
		return result{}, err
	}
	took := time.Since(began)
	heard := voice.measure(false)
	up := calls - refused
	signals.hangUpAll()
	return result{
		calls: calls, refused: refused, lostCalls: signals.ended(), heard: heard,
		idle:      idle.rss,
		perCall:   float64(after.rss-idle.rss) / float64(max(1, up-1)),
		cpuMinute: (after.cpu - before.cpu).Seconds() / took.Seconds() * 60 / float64(max(1, up)),
		core:      (after.cpu - before.cpu).Seconds() / took.Seconds(),
		threads:   after.threads,
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// result is one row of the table.
type result struct {
	calls, refused, lostCalls int
	cpuMinute, core           float64
	idle                      int64   // bytes
	perCall                   float64 // bytes
	threads                   int
	heard                     heard
}

func (o options) print(out io.Writer, rows []result) error {
	targetCPU, targetRSS := "0.027", "40"
	if o.bridge { // two legs are one conversation
		targetCPU, targetRSS = "0.080", "120"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name, target string, value func(result) string) {
		fmt.Fprintf(w, "%s\t%s\t", name, target)
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t", value(r))
		}
		fmt.Fprintln(w)
	}
	legs := 1.0
	if o.bridge {
		legs = 2
	}
	line("legs", "target", func(r result) string { return strconv.Itoa(r.calls) })
	line("refused / ended early", "0 / 0", func(r result) string { return fmt.Sprintf("%d / %d", r.refused, r.lostCalls) })
	line("CPU-s per call-minute", "<= "+targetCPU, func(r result) string { return fmt.Sprintf("%.4f", r.cpuMinute*legs) })
	line("share of one core", "", func(r result) string { return fmt.Sprintf("%.1f %%", r.core*100) })
	line("memory per call, kB", "<= "+targetRSS, func(r result) string { return fmt.Sprintf("%.1f", r.perCall*legs/1024) })
	line("memory with one call, MB", "<= 60", func(r result) string { return fmt.Sprintf("%.1f", float64(r.idle)/(1<<20)) })
	line("threads", "", func(r result) string { return strconv.Itoa(r.threads) })
	line("packets heard", "", func(r result) string { return strconv.FormatUint(r.heard.packets, 10) })
	line("|interval - 20 ms| p50, ms", "", func(r result) string { return fmt.Sprintf("%.2f", r.heard.percentile(50)) })
	line("p99, ms", "", func(r result) string { return fmt.Sprintf("%.2f", r.heard.percentile(99)) })
	line("late (> 40 ms)", "<= 0.1 %", func(r result) string {
		return fmt.Sprintf("%d = %.3f %%", r.heard.late, 100*float64(r.heard.late)/float64(max(1, r.heard.packets)))
	})
	line("lost", "0", func(r result) string { return strconv.FormatUint(r.heard.lost, 10) })
	line("silent legs", "0", func(r result) string { return strconv.Itoa(r.calls - r.refused - r.heard.legs) })
	return w.Flush()
}
