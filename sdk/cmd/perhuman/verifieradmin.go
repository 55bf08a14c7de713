package main

import (
	"net/http"
	"runtime/debug"

	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/httpapi/admin"
)

// adminServer is the operator's side.
type adminServer struct{ http.Handler }

func (s *service) admin(h *httpapi.Service) (*adminServer, error) {
	token, err := readSecret(s.flags.adminToken)
	if err != nil {
		return nil, err
	}
	o := admin.Options{
		Token: token, OpenMetrics: s.flags.openMetrics, Registry: s.registry, Stats: s.stats, Metrics: s.metrics,
		Queue: h.Queue, Roots: s.roots, Logf: s.logf,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		o.Version = buildVersion(info)
	}
	if s.fixed.ID != "" {
		actions := map[string]string{}
		for name, p := range s.flags.actions {
			actions[name] = p.String()
		}
		o.Fixed = []admin.Fixed{{ID: flagsApp, RP: s.fixed.RP, Environment: s.fixed.Environment, Origins: s.fixed.Origins, Actions: actions}}
	}
	page, err := admin.New(o)
	if err != nil {
		return nil, err
	}
	return &adminServer{page}, nil
}
