package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// partyMetrics are what Prometheus reads of a party. Labels are calls and codes:
// there is none that could hold a person.
type partyMetrics struct {
	registry *prometheus.Registry
	calls    *prometheus.HistogramVec
	answers  *prometheus.CounterVec
}

func newPartyMetrics() *partyMetrics {
	m := &partyMetrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "perhuman_party_call_seconds", Help: "Time to answer the issuer, by call.", Buckets: prometheus.ExponentialBuckets(.0005, 2, 18),
		}, []string{"call"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "perhuman_party_answers_total", Help: "Answers to the issuer, by call and code."}, []string{"call", "code"}),
	}
	m.registry.MustRegister(m.calls, m.answers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// took fits party.Options.Took.
func (m *partyMetrics) took(call, code string, d time.Duration) {
	m.calls.WithLabelValues(call).Observe(d.Seconds())
	m.answers.WithLabelValues(call, code).Inc()
}

// watch adds what the party holds at the moment of reading; -1 while it cannot
// tell.
func (m *partyMetrics) watch(s *party.Server) {
	for _, g := range []struct {
		name, help string
		of         func(party.Status) float64
	}{
		{"places", "Length of the list of people, those who are gone included.", func(s party.Status) float64 { return float64(s.Places) }},
		{"pending", "People who are being enrolled, or whom a crash left so.", func(s party.Status) float64 { return float64(s.Pending) }},
		{"epoch", "Number of the refresh whose shares are in use.", func(s party.Status) float64 { return float64(s.Epoch) }},
		{"next_number", "Next number of a computation; it never falls.", func(s party.Status) float64 { return float64(s.Next) }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "perhuman_party_" + g.name, Help: g.help}, func() float64 {
			is, err := s.Status()
			if err != nil {
				return -1
			}
			return g.of(is)
		}))
	}
}

func (m *partyMetrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
