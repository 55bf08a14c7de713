package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/perhuman/perhuman/sdk/api"
)

// Attack is a series of requests against a server of this package.
type Attack struct {
	URL   string
	App   string // Good or Bad
	Items []Item // each is sent once, or over and over with Repeat
	Batch int    // more than 1: so many in one request to /v1/verify/batch

	// Rate is how many requests leave in a second, in an open loop; Conns is
	// then how many may be without an answer, 0 without a bound. Rate 0 is a
	// closed loop: Conns callers, each sends when its last answer is there.
	Rate   float64
	Conns  int
	Repeat time.Duration // go on with the same items for so long
}

// Result is what came back.
type Result struct {
	Requests int
	Codes    map[api.Code]int // of proofs; "" where there was no answer
	Elapsed  time.Duration
	CPU      time.Duration // of the server, from the first request to the last answer

	latencies []time.Duration
}

// Accepted is how many proofs were accepted.
func (r Result) Accepted() int { return r.Codes[api.OK] }

// PerProof is the server's processor time for each accepted proof.
func (r Result) PerProof() time.Duration {
	if r.Accepted() == 0 {
		return 0
	}
	return r.CPU / time.Duration(r.Accepted())
}

// PerSecond is how many proofs were accepted in a second by the clock.
func (r Result) PerSecond() float64 { return float64(r.Accepted()) / r.Elapsed.Seconds() }

// Latency is the p-quantile of the time from when a request was due to its
// answer, 0 < p < 1.
func (r Result) Latency(p float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	slices.Sort(r.latencies)
	return r.latencies[min(int(p*float64(len(r.latencies))), len(r.latencies)-1)]
}

// Run sends the requests and waits for the answers. An error means that the
// series could not be made or was cut short by ctx.
func (a Attack) Run(ctx context.Context) (Result, error) {
	targets, err := a.targets()
	if err != nil {
		return Result{}, err
	}
	before, err := ReadUsage(ctx, a.URL, false)
	if err != nil {
		return Result{}, err
	}
	conns := a.Conns
	if conns < 1 {
		conns = 1
	}
	options := []func(*vegeta.Attacker){
		vegeta.Timeout(time.Minute), vegeta.KeepAlive(true), vegeta.Connections(max(conns, 512)), vegeta.MaxBody(1 << 20),
	}
	pace := vegeta.Rate{Freq: int(a.Rate * 1000), Per: 1000 * time.Second}
	switch {
	case a.Rate == 0:
		options = append(options, vegeta.Workers(uint64(conns)), vegeta.MaxWorkers(uint64(conns))) // #nosec G115 -- at least 1
	case a.Conns > 0:
		options = append(options, vegeta.MaxWorkers(uint64(conns))) // #nosec G115 -- at least 1
	}
	attacker := vegeta.NewAttacker(options...)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	out := Result{Codes: map[api.Code]int{}}
	begin := time.Now()
	for res := range attacker.Attack(a.targeter(targets, begin), pace, 0, "") {
		if res.Error == vegeta.ErrNoTargets.Error() {
			continue
		}
		out.Requests++
		out.latencies = append(out.latencies, res.Latency)
		a.count(&out, res)
	}
	out.Elapsed = time.Since(begin)
	after, err := ReadUsage(ctx, a.URL, false)
	out.CPU = time.Duration(after.CPU - before.CPU)
	return out, err
}

// targeter hands out the requests, each once, or all of them in turn.
func (a Attack) targeter(targets []vegeta.Target, begin time.Time) vegeta.Targeter {
	var next atomic.Int64
	return func(t *vegeta.Target) error {
		i := int(next.Add(1) - 1)
		if a.Repeat > 0 && time.Since(begin) < a.Repeat {
			i %= len(targets)
		}
		if i >= len(targets) {
			return vegeta.ErrNoTargets
		}
		*t = targets[i]
		return nil
	}
}

// targets writes the requests beforehand.
func (a Attack) targets() ([]vegeta.Target, error) {
	key, err := appKey(a.App)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
	var out []vegeta.Target
	size := max(a.Batch, 1)
	for group := range slices.Chunk(a.Items, size) {
		var batch api.BatchRequest
		for _, item := range group {
			proof, err := item.Proof.MarshalJSON()
			if err != nil {
				return nil, err
			}
			one := api.VerifyRequest{Action: action, Proof: proof, Challenge: item.Challenge, Origin: origin}
			batch.Items = append(batch.Items, api.BatchItem{VerifyRequest: one})
		}
		path, body := "/v1/verify/batch", any(batch)
		if size == 1 {
			path, body = "/v1/verify", batch.Items[0].VerifyRequest
		}
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		out = append(out, vegeta.Target{Method: http.MethodPost, URL: a.URL + path, Body: b, Header: header})
	}
	return out, nil
}

// count reads the codes of an answer.
func (a Attack) count(r *Result, res *vegeta.Result) {
	if a.Batch <= 1 {
		var v struct {
			Code api.Code `json:"code"`
		}
		_ = json.Unmarshal(res.Body, &v) // no answer has the code ""
		r.Codes[v.Code]++
		return
	}
	var many api.BatchResponse
	if json.Unmarshal(res.Body, &many) != nil || len(many.Results) == 0 {
		r.Codes[""]++
		return
	}
	for _, one := range many.Results {
		switch {
		case one.Verdict != nil:
			r.Codes[one.Verdict.Code]++
		case one.Problem != nil:
			r.Codes[one.Problem.Code]++
		}
	}
}

// ReadUsage asks a server what it has used; with heap, after a collection.
func ReadUsage(ctx context.Context, url string, heap bool) (Usage, error) {
	var u Usage
	path := "/loadtest/usage"
	if heap {
		path += "?heap"
	}
	body, err := call(ctx, http.MethodGet, url+path)
	if err == nil {
		err = json.Unmarshal(body, &u)
	}
	return u, err
}

// Reset makes a server forget what was spent.
func Reset(ctx context.Context, url string) error {
	_, err := call(ctx, http.MethodPost, url+"/loadtest/reset")
	return err
}

func call(ctx context.Context, method, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("loadtest: %s: %s: %s", url, res.Status, body)
	}
	return body, err
}

// Spoil gives items whose proofs read well and do not verify: two points of
// each have changed places.
func Spoil(items []Item) []Item {
	out := slices.Clone(items)
	for i, item := range items {
		p := *item.Proof
		p.Points[0], p.Points[1], p.Points[6], p.Points[7] = p.Points[6], p.Points[7], p.Points[0], p.Points[1]
		out[i].Proof = &p
	}
	return out
}
