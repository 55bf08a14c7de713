package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
)

// Metrics are what Prometheus reads. Labels are codes, routes, apps' ids,
// issuers' names and results: there is none that could hold a person.
type Metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	requests  *prometheus.HistogramVec
	store     *prometheus.HistogramVec
	spends    *prometheus.CounterVec
	webhooks  *prometheus.CounterVec
}

// NewMetrics makes metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_decisions_total", Help: "Decisions by app and code."}, []string{"app", "code"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "perhuman_request_seconds", Help: "Time to answer, by route.", Buckets: prometheus.ExponentialBuckets(.0005, 2, 14),
		}, []string{"route"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "perhuman_store_seconds", Help: "Time of the spend store, by act and whether it answered.", Buckets: prometheus.ExponentialBuckets(.00025, 2, 14),
		}, []string{"act", "answered"}),
		spends:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_spends_total", Help: "What became of acts that were handed to the store."}, []string{"result"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_webhooks_total", Help: "Attempts at webhooks by outcome."}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.decisions, m.requests, m.store, m.spends, m.webhooks,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Decided fits httpapi.Options.Decided.
func (m *Metrics) Decided(app string, code api.Code) {
	m.decisions.WithLabelValues(app, string(code)).Inc()
}

// Took fits httpapi.Options.Took.
func (m *Metrics) Took(route string, d time.Duration) {
	if route == "" {
		route = "other"
	}
	m.requests.WithLabelValues(route).Observe(d.Seconds())
}

// Webhook fits webhook.Config.Observe.
func (m *Metrics) Webhook(outcome string) { m.webhooks.WithLabelValues(outcome).Inc() }

// watch adds what is asked for at the moment of reading.
func (m *Metrics) watch(o Options) {
	gauge := func(name, help string, f func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	counter := func(name, help string, f func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
	}
	if o.Queue != nil {
		for _, row := range []struct {
			name, help string
			count      bool
			of         func(semaphore.QueueStats) float64
		}{
			{"perhuman_queue_waiting", "Proofs that wait now.", false, func(q semaphore.QueueStats) float64 { return float64(q.Waiting) }},
			{"perhuman_queue_batches_running", "Batches verified now.", false, func(q semaphore.QueueStats) float64 { return float64(q.Running) }},
			{"perhuman_queue_batches_total", "Batches taken from the queue.", true, func(q semaphore.QueueStats) float64 { return float64(q.Flushes) }},
			{"perhuman_queue_valid_total", "Proofs found good.", true, func(q semaphore.QueueStats) float64 { return float64(q.Valid) }},
			{"perhuman_queue_invalid_total", "Proofs found bad.", true, func(q semaphore.QueueStats) float64 { return float64(q.Invalid) }},
			{"perhuman_queue_full_total", "Proofs that found no place.", true, func(q semaphore.QueueStats) float64 { return float64(q.Full) }},
		} {
			f := func() float64 { return row.of(o.Queue()) }
			if row.count {
				counter(row.name, row.help, f)
			} else {
				gauge(row.name, row.help, f)
			}
		}
	}
	if o.Registry != nil {
		gauge("perhuman_registry_age_seconds", "Since the registry was last read.", func() float64 { return o.Registry.Age().Seconds() })
	}
	if o.Roots != nil {
		m.registry.MustRegister(rootsCollector{o.Roots})
	}
}

// rootsCollector reads the issuers' heads when it is asked.
type rootsCollector struct{ roots func() []Root }

func descOf(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("perhuman_"+name, help, []string{"issuer"}, nil)
}

// Describe implements prometheus.Collector; what is there depends on the issuers.
func (rootsCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c rootsCollector) Collect(out chan<- prometheus.Metric) {
	for _, r := range c.roots() {
		fresh := 0.0
		if r.Fresh {
			fresh = 1
		}
		for _, m := range []struct {
			d *prometheus.Desc
			v float64
		}{
			{descOf("roots_fresh", "1 if proofs can be judged."), fresh},
			{descOf("roots_age_seconds", "Age of the newest signed head."), r.Age},
			{descOf("roots_seq", "Sequence number of the newest root."), float64(r.Seq)},
			{descOf("set_live", "Live members of the set."), float64(r.Live)},
		} {
			out <- prometheus.MustNewConstMetric(m.d, prometheus.GaugeValue, m.v, r.Issuer)
		}
	}
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Timed wraps a spend store, so that its times are measured. Hand it to
// verifiers only: optional powers of the store stay with the store itself.
func (m *Metrics) Timed(s verifier.Store) verifier.Store { return timed{s, m} }

type timed struct {
	verifier.Store
	m *Metrics
}

func (t timed) took(act string, start time.Time, err error) {
	answered := "yes"
	if err != nil {
		answered = "no"
	}
	t.m.store.WithLabelValues(act, answered).Observe(time.Since(start).Seconds())
}

// Spend implements verifier.Store.
func (t timed) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	start := time.Now()
	out, err := t.Store.Spend(ctx, a)
	t.took("spend", start, err)
	result := out.Result.String()
	switch {
	case errors.Is(err, verifier.ErrInDoubt):
		result = "in doubt"
	case err != nil:
		result = "unavailable"
	case out.Replayed:
		result = "replayed"
	}
	t.m.spends.WithLabelValues(result).Inc()
	return out, err
}

// Spent implements verifier.Store.
func (t timed) Spent(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	start := time.Now()
	out, err := t.Store.Spent(ctx, a)
	t.took("look", start, err)
	return out, err
}
