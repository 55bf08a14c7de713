package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perhuman/perhuman/issuer/cosign"
	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/sdk/api"
)

// Metrics are what Prometheus reads. Labels are codes, routes, and names of
// witnesses: there is none that could hold a person.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	answers  *prometheus.CounterVec
	removals *prometheus.CounterVec
}

// NewMetrics makes metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "perhuman_issuer_request_seconds", Help: "Time to answer, by route.", Buckets: prometheus.ExponentialBuckets(.0005, 2, 14),
		}, []string{"route"}),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_issuer_answers_total", Help: "Answers by route and code."}, []string{"route", "code"}),
		removals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_issuer_removals_total", Help: "Removals that the operator asked for."}, []string{"urgent"}),
	}
	m.registry.MustRegister(m.requests, m.answers, m.removals,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Took fits httpapi.Options.Took.
func (m *Metrics) Took(route string, code api.Code, d time.Duration) {
	if route == "" {
		route = "other"
	}
	m.requests.WithLabelValues(route).Observe(d.Seconds())
	m.answers.WithLabelValues(route, string(code)).Inc()
}

func (m *Metrics) removed(urgent bool) {
	word := "no"
	if urgent {
		word = "yes"
	}
	m.removals.WithLabelValues(word).Inc()
}

// watch adds what is asked for at the moment of reading.
func (m *Metrics) watch(o Options) {
	m.registry.MustRegister(&reading{o})
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// reading looks at the issuer when Prometheus does.
type reading struct{ o Options }

// Describe implements prometheus.Collector; what is there depends on the issuer.
func (*reading) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *reading) Collect(out chan<- prometheus.Metric) {
	gauge := func(name, help string, v float64, labels ...string) {
		names := make([]string, len(labels)/2)
		values := make([]string, len(labels)/2)
		for i := range names {
			names[i], values[i] = labels[2*i], labels[2*i+1]
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("perhuman_issuer_"+name, help, names, nil), prometheus.GaugeValue, v, values...)
	}
	i, now := r.o.Issuer, r.o.Now()
	if c, ok := i.Current(); ok {
		gauge("set_live", "Live members of the set.", float64(c.Live))
		gauge("set_leaves", "Leaves of the set, removed ones included.", float64(c.Size))
		gauge("log_entries", "Entries of the log.", float64(c.LogSize))
		gauge("seq", "Sequence number of the newest anchor.", float64(c.Seq))
		gauge("anchor_age_seconds", "Since the newest anchor; without changes there is none.", now.Sub(c.Created).Seconds())
	}
	gauge("anchor_overdue", "1 if anchoring has not gone well for three periods.", number(httpapi.Overdue(i, now)))
	gauge("paused", "1 while nobody new comes in.", number(r.o.Pause.On()))
	gauge("gallery_open", "1 if people can be matched.", number(r.o.Gallery == nil || r.o.Gallery()))
	gauge("matcher_stopped", "1 if an audit of the parties failed: nobody is enrolled until somebody has looked.", number(i.MatcherStopped() != nil))
	var groups []PartyGroup
	if r.o.Parties != nil {
		groups = r.o.Parties()
	}
	for _, g := range groups {
		gauge("party_epoch", "Epoch of the shares at the parties, as it was last seen.", float64(g.Epoch), "compares", g.Compares)
		gauge("party_audits", "Questions about planted people that were answered right since the start.", float64(g.Audits), "compares", g.Compares)
	}
	w := i.Witnesses()
	gauge("witness_quorum", "Cosignatures that are wanted.", float64(w.Quorum))
	gauge("witness_signed", "Cosignatures that the newest checkpoint has.", float64(len(w.Signed)))
	gauge("witnessed_entries", "Entries of the log that the quorum has cosigned.", float64(w.Witnessed))
	var each []cosign.State
	if r.o.Witnesses != nil {
		each = r.o.Witnesses()
	}
	for _, one := range each {
		name, _, _ := strings.Cut(one.VKey, "+")
		gauge("witness_entries", "Entries of the log that a witness has cosigned.", float64(one.Size), "witness", name, "at", one.At)
		gauge("witness_failures", "Requests to a witness that gave no cosignature, since the start.", float64(one.Failed), "witness", name, "at", one.At)
		gauge("witness_ahead", "1 if a witness knows a history that this database does not hold.", number(one.Ahead), "witness", name, "at", one.At)
	}
	if r.o.Lists != nil {
		revoked, firmware := r.o.Lists()
		gauge("revoked", "Entries of the revocation list.", float64(revoked))
		gauge("firmwares", "Entries of the firmware list; -1: any is allowed.", float64(firmware))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
