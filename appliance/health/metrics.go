package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics gives the figures to programs that watch the box, at /metrics in the
// form that Prometheus reads.
type Metrics struct{ handler http.Handler }

// NewMetrics reads the figures anew for everybody who asks.
func NewMetrics(read func() Figures) *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(figures{read}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second}))
	return &Metrics{handler: mux}
}

// Text writes the figures once, as a program that watches would read them.
func (m *Metrics) Text(to io.Writer) error {
	r, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	w := &once{to: to, header: http.Header{}}
	m.handler.ServeHTTP(w, r)
	return w.err
}

// once is the answer to one who asks without a network.
type once struct {
	to     io.Writer
	header http.Header
	err    error
}

func (o *once) Header() http.Header { return o.header }
func (o *once) WriteHeader(int)     {}
func (o *once) Write(p []byte) (n int, err error) {
	n, err = o.to.Write(p)
	o.err = errors.Join(o.err, err)
	return n, err
}

// Run serves on l, which it closes, until ctx ends.
func (m *Metrics) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: m.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the figures: %w", err)
	}
	return nil
}

// figures is a prometheus.Collector.
type figures struct{ read func() Figures }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hotline_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector: what there is depends on the lines,
// so nothing is said in advance.
func (figures) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c figures) Collect(out chan<- prometheus.Metric) {
	f := c.read()
	gauge := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(describe(name, help), prometheus.GaugeValue, value)
	}
	counter := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(describe(name, help), prometheus.CounterValue, value)
	}
	gauge("calls", "Calls up or being set up.", float64(f.Trunk.Calls))
	gauge("calls_limit", "Calls at a time that are taken.", float64(f.Trunk.Limit))
	counter("calls_offered_total", "Calls that arrived.", float64(f.Trunk.Offered))
	counter("calls_answered_total", "Calls that arrived and were answered.", float64(f.Trunk.Answered))
	counter("calls_dialled_total", "Calls out.", float64(f.Trunk.Dialled))
	counter("calls_connected_total", "Calls out that were answered.", float64(f.Trunk.Connected))
	counter("calls_turned_away_total", "Callers refused because the hotline was full; each is an open item.", float64(f.Trunk.Turned))
	counter("calls_silent_total", "Calls ended because no sound arrived.", float64(f.Trunk.Silent))
	counter("calls_unconfirmed_total", "Calls ended because the answer was never confirmed.", float64(f.Trunk.Unacknowledged))
	counter("sip_dropped_total", "Datagrams and connections from strangers, or that cannot be SIP.", float64(f.Trunk.Dropped))
	gauge("sip_connections", "TCP and TLS connections.", float64(f.Trunk.Connections))
	for status, n := range f.Trunk.Rejected {
		out <- prometheus.MustNewConstMetric(describe("sip_rejected_total", "Refused requests.", "status"), prometheus.CounterValue, float64(n), strconv.Itoa(status))
	}
	for _, l := range f.Lines {
		line := func(name, help string, value float64) {
			out <- prometheus.MustNewConstMetric(describe(name, help, "line"), prometheus.GaugeValue, value, l.Name)
		}
		line("line_up", "1: the line takes calls.", truth(l.Up))
		line("line_calls", "Calls on the line.", float64(l.Calls))
		line("line_calls_limit", "Calls at a time that the line takes, 0 for no limit.", float64(l.Limit))
	}
	for _, p := range f.Peers {
		if !p.Heard.IsZero() {
			out <- prometheus.MustNewConstMetric(describe("peer_heard_timestamp_seconds", "When something was last heard from a trunk.", "peer"),
				prometheus.GaugeValue, float64(p.Heard.Unix()), p.Net)
		}
	}
	gauge("agents_signed_in", "Phone volunteers who are signed in.", float64(f.Load.SignedIn))
	counter("events_total", "Entries in the log, since the beginning.", float64(f.Load.Entries))
	gauge("data_bytes", "What the records take on the disk.", float64(f.Load.DataSize))
	gauge("disk_free_bytes", "Room for records.", float64(f.DiskFree))
	if f.Heat.Limit > 0 {
		gauge("heat_celsius", "Of the part of the machine that is nearest to its limit.", float64(f.Heat.Celsius))
		gauge("heat_limit_celsius", "At which that part switches the machine off.", float64(f.Heat.Limit))
	}
	gauge("clock_jumped_seconds", "What the clock was set by since the start.", f.Clock.Jumped.Seconds())
	gauge("clock_synchronised", "1: another clock keeps ours right.", truth(f.Clock.Synced))
	gauge("certificate_ends_timestamp_seconds", "Until when browsers believe the pages.", float64(f.CertificateEnds.Unix()))
	counter("records_unsaved_total", "Records that could not be written.", float64(f.Unsaved))
	counter("faults_total", "Faults of the software that were caught.", float64(f.Panics))
	gauge("start_timestamp_seconds", "When the hotline started.", float64(f.Started.Unix()))
	locked := 0.0
	if f.Key.Locked {
		locked = 1
	}
	gauge("locked", "1 while the hotline takes calls without its key and nobody can sign in.", locked)
	out <- prometheus.MustNewConstMetric(describe("build_info", "The software.", "version"), prometheus.GaugeValue, 1, f.Version)
	for name, way := range map[string]Way{"trunk": f.Quality.Trunk, "agents": f.Quality.Agents} {
		sound := func(what, help string, value float64) {
			out <- prometheus.MustNewConstMetric(describe(what, help, "way"), prometheus.GaugeValue, value, name)
		}
		sound("sound_calls", "Calls of the last hour whose sound could be judged on this way.", float64(way.Calls))
		sound("sound_calls_bad", "Those that sounded bad.", float64(way.Bad))
		sound("sound_lost_ratio", "Share of the packets that did not arrive.", float64(way.LostPermille)/1000)
	}
	gauge("health", "The worst check: 2 good, 1 to be watched, 0 bad.", float64(Worst(Checks(f))))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
