//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process is what the kernel says a process has used.
type process struct {
	cpu     time.Duration
	rss     int64
	threads int
}

// clockTick is the unit of /proc/PID/stat on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func readProcess(pid int) (process, error) {
	var p process
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, fmt.Errorf("the server is gone: %w", err)
	}
	// The name in parentheses may hold anything; fields count from after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 18 {
		return p, errors.New("/proc/PID/stat is not understood")
	}
	for _, i := range []int{11, 12} { // utime, stime
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return p, fmt.Errorf("reading CPU time: %w", err)
		}
		p.cpu += time.Duration(ticks) * clockTick
	}
	if p.threads, err = strconv.Atoi(fields[17]); err != nil {
		return p, fmt.Errorf("reading threads: %w", err)
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return p, fmt.Errorf("reading memory: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "Rss:" {
			kB, err := strconv.ParseInt(words[1], 10, 64)
			p.rss = kB * 1024
			return p, err
		}
	}
	return p, errors.New("/proc/PID/smaps_rollup is not understood")
}
