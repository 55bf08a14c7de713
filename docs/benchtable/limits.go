package main

// Limit is what a figure must hold. Op is "<=" or ">=", and empty for a figure
// that is only reported. Peer is set where the figure compares us with somebody
// else's program: the chart then shows how many times less ours costs.
type Limit struct {
	Name    string
	Unit    string
	Op      string
	Limit   float64
	Meaning string
	Peer    string
}

// holds is false in another unit too.
func (l Limit) holds(f Figure) bool {
	switch l.Op {
	case "<=":
		return f.Unit == l.Unit && f.Value <= l.Limit
	case ">=":
		return f.Unit == l.Unit && f.Value >= l.Limit
	}
	return true
}

// share is how much of what the limit allows a value uses: 1 is the limit.
func (l Limit) share(v float64) float64 {
	if l.Op == ">=" {
		return l.Limit / v
	}
	return v / l.Limit
}

// times is how many times less than the peer's ours costs.
func (l Limit) times(v float64) float64 {
	if l.Op == ">=" {
		return v
	}
	return 1 / v
}

// Group is a section of the page.
type Group struct {
	Title  string
	Limits []Limit
}

func limitOf(name string) (Limit, bool) {
	for _, g := range groups() {
		for _, l := range g.Limits {
			if l.Name == name {
				return l, true
			}
		}
	}
	return Limit{}, false
}

// groups is the table of limits. The page, the chart and the end of `make
// bench` follow it; `make bench-render` makes the page again after a change.
func groups() []Group {
	return []Group{
		{"Verifying", []Limit{
			{"verify_single_vs_gnark", "ratio", "<=", .65, "one proof at depth 20, `Verifier.Verify` over gnark's Verify", "gnark, one proof"},
			{"verify_batch64_vs_gnark", "ratio", "<=", .22, "a proof in a batch of 64 different ones over gnark's Verify", "gnark, batch of 64"},
			{"verify_batch512_vs_gnark", "ratio", "<=", .17, "the same in a batch of 512", "gnark, batch of 512"},
			{"verify_mixed3_vs_one", "ratio", "<=", 1.06, "64 proofs each of three depths over 192 of one", ""},
			{"batch_bad_worst_vs_singles", "ratio", "<=", 1.6, "64 proofs of which one, half or all are bad, the worst of the three, over 64 `Verify`", ""},
			{"queue_verify_vs_single", "ratio", "", 0, "a proof of one of 64 concurrent callers of the queue over `Verify`", ""},
			{"verify_batch8_vs_gnark", "ratio", "", 0, "the same in a batch of 8", ""},
			{"verify_single_cpu_us", "us", "", 0, "`Verifier.Verify`, one proof", ""},
			{"verify_single_gnark_cpu_us", "us", "", 0, "gnark's Verify, one proof", ""},
			{"verify_batch8_cpu_us", "us", "", 0, "a proof in a batch of 8", ""},
			{"verify_batch64_cpu_us", "us", "", 0, "a proof in a batch of 64", ""},
			{"verify_batch512_cpu_us", "us", "", 0, "a proof in a batch of 512", ""},
			{"queue_verify_cpu_us", "us", "", 0, "a proof through the queue", ""},
		}},
		{"Proving", []Limit{
			{"prove20_vs_snarkjs", "ratio", "<=", .14, "a proof at depth 20 with the official key, Go over snarkjs in Node", "snarkjs, proof at depth 20"},
			{"prove20_vs_plain_msm", "ratio", "<=", .80, "the same over our prover with the library's multi-exponentiation", ""},
			{"witness20_vs_wasm", "ratio", "<=", .045, "our witness over the official wasm in wazero, instance re-used, compiling excluded", "official wasm, witness"},
			{"prove20_cpu_ms", "ms", "", 0, "a proof at depth 20", ""},
			{"prove20_no_tables_vs_plain_msm", "ratio", "", 0, "without tables, over the same", ""},
			{"prove20_no_tables_cpu_ms", "ms", "", 0, "the same without tables", ""},
			{"prove20_plain_msm_cpu_ms", "ms", "", 0, "the same with the library's multi-exponentiation", ""},
			{"prover_new20_cpu_ms", "ms", "", 0, "reading the key", ""},
			{"prover_prepare20_cpu_ms", "ms", "", 0, "making the tables, once", ""},
			{"prover_memory_mb", "MB", "", 0, "memory of a prover with tables", ""},
			{"prover_memory_no_tables_mb", "MB", "", 0, "memory of a prover without", ""},
			{"witness20_cpu_ms", "ms", "", 0, "a witness at depth 20", ""},
			{"witness20_wasm_cpu_ms", "ms", "", 0, "the official wasm, in the same run", ""},
			{"prove20_go_cpu_ms", "ms", "", 0, "the same, in the run beside snarkjs", ""},
			{"prove20_snarkjs_cpu_ms", "ms", "", 0, "snarkjs, in the same run", ""},
		}},
		{"In a browser", []Limit{
			{"wasm_prove20_vs_snarkjs", "ratio", "<=", .90, "our wasm in Node over snarkjs with one thread, witness included", "snarkjs, both in wasm"},
			{"wasm_gzip_bytes", "bytes", "<=", 1300000, "what the wallet's page loads, gzip", ""},
			{"wasm_check_gzip_bytes", "bytes", "", 0, "what the page that checks posts loads, gzip", ""},
			{"page_prove_vs_official", "ratio", "<=", .90, "from the click to the proof in Chromium, our page with two workers on two threads over one with the official packages, wall time", "official packages, click to proof"},
			{"page_weight_bytes", "bytes", "<=", 150000, "the heaviest of the demo's pages at a first visit, without the prover and the camera's models", ""},
			{"page_widget_gzip_bytes", "bytes", "<=", 6000, "the widget in English, gzip", ""},
			{"page_memory_w2_mb", "MB", "<=", 300, "memory of the wallet's programs while two workers prove", ""},
			{"page_memory_w4_mb", "MB", "<=", 300, "the same with four", ""},
			{"page_first_proof_ms", "ms", "", 0, "from the address of a page that was never visited to its first proof, on loopback, wall time", ""},
			{"page_proofs_per_min", "1/min", "", 0, "proofs of a page with two workers, one after the other, wall time", ""},
			{"page_prove_w1_vs_official", "ratio", "", 0, "from the click to the proof with one worker, over the same", ""},
			{"page_prove_w4_vs_official", "ratio", "", 0, "the same with four workers", ""},
			{"page_prove_w1_ms", "ms", "", 0, "our page with one worker, wall time", ""},
			{"page_prove_w2_ms", "ms", "", 0, "with two", ""},
			{"page_prove_w4_ms", "ms", "", 0, "with four", ""},
			{"page_memory_w1_mb", "MB", "", 0, "memory with one worker", ""},
			{"page_threads", "threads", "", 0, "threads that the browser says it has", ""},
			{"wasm_prove20_cpu_ms", "ms", "", 0, "a proof at depth 20, our wasm in Node", ""},
			{"wasm_prove20_wall_ms", "ms", "", 0, "the same, wall time", ""},
			{"wasm_sync_wall_ms", "ms", "", 0, "reading a set of 300 members in wasm, wall time", ""},
			{"page_prove_wall_ms", "ms", "", 0, "our page", ""},
			{"page_prove_official_wall_ms", "ms", "", 0, "the official packages", ""},
		}},
		{"Hashing and trees", []Limit{
			{"poseidon_scalar_vs_iden3", "ratio", "<=", .90, "Poseidon of two, one after the other, over go-iden3-crypto", "go-iden3-crypto, one hash"},
			{"poseidon_bulk_vs_iden3", "ratio", "<=", .34, "the same side by side in vectors; measured where AVX-512 IFMA exists", "go-iden3-crypto, many hashes"},
			{"poseidon_scalar_allocations", "allocations", "<=", 0, "allocations of a hash of two", ""},
			{"tree_build_1m_vs_hash_limit", "ratio", "<=", 1.15, "a group of a million members over its hashes alone", ""},
			{"tree_bytes_per_member", "bytes", "<=", 78, "memory of a group of a million members, index included", ""},
			{"tree_vs_zkkit_20k", "ratio", ">=", 25, "@zk-kit/lean-imt in Node over a group of 20,000 members", "@zk-kit/lean-imt, 20,000 members"},
			{"poseidon_iden3_cpu_ns", "ns", "", 0, "go-iden3-crypto, a hash of two", ""},
			{"poseidon_scalar_cpu_ns", "ns", "", 0, "ours, one after the other", ""},
			{"poseidon_bulk_cpu_ns", "ns", "", 0, "ours, side by side", ""},
			{"tree_build_1m_cpu_ms", "ms", "", 0, "a group of a million members", ""},
			{"tree_add_1000_to_1m_cpu_ms", "ms", "", 0, "a thousand members more", ""},
			{"tree_proof_cpu_ns", "ns", "", 0, "a Merkle path in a group of a million", ""},
			{"tree_snapshot_write_1m_cpu_ms", "ms", "", 0, "writing its snapshot, checksum included", ""},
			{"tree_snapshot_read_1m_cpu_ms", "ms", "", 0, "reading it, checks and index included", ""},
			{"tree_20k_go_cpu_ms", "ms", "", 0, "20,000 members, in the run beside Node", ""},
			{"tree_20k_zkkit_cpu_ms", "ms", "", 0, "@zk-kit/lean-imt, in the same run", ""},
		}},
		{"The circuit in gnark", []Limit{
			{"circuit20_r1cs", "constraints", "", 0, "R1CS at depth 20; the official circuit has 6,431", ""},
			{"circuit20_scs", "constraints", "", 0, "PLONK gates at depth 20", ""},
			{"circuit20_groth16_prove_cpu_ms", "ms", "", 0, "gnark's Groth16 prover", ""},
			{"circuit20_groth16_verify_cpu_ms", "ms", "", 0, "gnark's Groth16 verifier", ""},
			{"circuit20_plonk_prove_cpu_ms", "ms", "", 0, "gnark's PLONK prover", ""},
			{"circuit20_plonk_verify_cpu_ms", "ms", "", 0, "gnark's PLONK verifier", ""},
			{"circuit20_solve_r1cs_cpu_ms", "ms", "", 0, "solving and checking the constraints", ""},
			{"setup_read_2_14_cpu_s", "s", "", 0, "reading and checking powers of tau of 2^14, one run", ""},
			{"setup_start20_cpu_s", "s", "", 0, "the start of a ceremony at depth 20, one run", ""},
			{"setup_contribute20_cpu_s", "s", "", 0, "a contribution, one run", ""},
			{"setup_verify20_cpu_s", "s", "", 0, "verifying it, one run", ""},
			{"setup_seal20_cpu_s", "s", "", 0, "beacon and keys, one run", ""},
			{"setup_kzg20_cpu_s", "s", "", 0, "the reference string for PLONK, one run", ""},
			{"setup_contribution20_bytes", "bytes", "", 0, "a contribution", ""},
		}},
		{"Spending and serving", []Limit{
			{"spend_sqlite_group_vs_single", "ratio", ">=", 10, "spends a second on SQLite at 64 callers with group commit over one by one", ""},
			{"spend_pg_batch_vs_single", "ratio", ">=", 3, "spends a second on PostgreSQL with 512 in flight, batched over one by one", ""},
			{"spend_lookup_5m_vs_10k", "ratio", "<=", 3, "a spend in a store of 5 million over one of 10,000", ""},
			{"http_queue_on_vs_off", "ratio", ">=", 1.9, "requests a second at saturation, with the queue over without", ""},
			{"http_batch512_vs_single", "ratio", ">=", 3, "/v1/verify/batch over /v1/verify, per proof", ""},
			{"http_verify_per_s_core", "1/s", ">=", 2500, "accepted requests a second of one core, SQLite durable", ""},
			{"http_p99_half_ms", "ms", "<=", 25, "99th percentile of the answer time at half of saturation, wall time", ""},
			{"http_rss_mb", "MB", "<=", 300, "memory of a verifier under load", ""},
			{"http_flood_p99_vs_idle", "ratio", "<=", 5, "a good client's 99th percentile beside a flood of bad proofs at twice the capacity, over alone", ""},
			{"http_soak_heap_vs_first", "ratio", "<=", 1.5, "ten minutes of load: the heap at the end over that after the first minute", ""},
			{"http_soak_goroutines_vs_first", "ratio", "<=", 1.5, "the same for goroutines", ""},
		}},
		{"Issuing", []Limit{
			{"enrol_intake_per_s", "1/s", ">=", 800, "enrolments of one caller, durable, gallery of 1,000, wall time", ""},
			{"enrol_anchor_batch_vs_single", "ratio", ">=", 8, "an anchor of 256 members over one of 1, per member", ""},
			{"audit_entries_per_s", "1/s", ">=", 150000, "entries of a log of a million replayed by an auditor", ""},
			{"tiles_vs_fileserver", "ratio", ">=", .5, "tiles a processor second over a plain file server", ""},
			{"restart_1m_s", "s", "<=", 2, "start to the first head and tile, a million members, wall time", ""},
			{"restart_1m_no_snapshot_s", "s", "", 0, "the same when there is no snapshot", ""},
			{"issuer_set_rss_1m_mb", "MB", "", 0, "memory of that process", ""},
			{"import_1m_s", "s", "", 0, "taking a million members over from another group, wall time", ""},
			{"gallery_open_1m_s", "s", "", 0, "a sealed gallery of both irises of a million people, from its cache, to the first match answered, wall time", ""},
			{"gallery_open_1m_cpu_s", "s", "", 0, "the same, processor time", ""},
			{"gallery_decrypt_1m_cpu_s", "s", "", 0, "of it, decryption: the file read and decrypted, and nothing else", ""},
			{"gallery_open_over_decrypt_1m", "ratio", "", 0, "opening, without the match, over decryption alone, processor time", ""},
			{"gallery_open_1m_decrypt_share", "ratio", "", 0, "of opening, without the match: the file read and decrypted into the matcher's memory, processor time", ""},
			{"gallery_in_1m_s", "s", "", 0, "of the wall time, until everybody is in", ""},
			{"gallery_match_1m_s", "s", "", 0, "of it, the match", ""},
			{"gallery_head_1m_ms", "ms", "", 0, "to the head of that issuer, whose gallery is still closed", ""},
			{"gallery_rows_1m_s", "s", "", 0, "the same gallery from its rows, without a cache, wall time", ""},
			{"gallery_rows_1m_cpu_s", "s", "", 0, "that, processor time", ""},
			{"gallery_rows_over_decrypt_1m", "ratio", "", 0, "opening them, without the match, over decrypting the rows alone, processor time", ""},
			{"gallery_cache_write_1m_s", "s", "", 0, "the cache written, to the disk", ""},
			{"issuer_rss_1m_mb", "MB", "", 0, "memory of that process", ""},
			{"issuer_live_1m_mb", "MB", "", 0, "the same after the garbage of opening is gone", ""},
			{"issuer_live_over_templates_1m", "ratio", "", 0, "that over the bits of the irises alone", ""},
			{"gallery_open_100k_s", "s", "", 0, "a sealed gallery of both irises of 100,000 people, from its cache, to the first match answered, wall time", ""},
			{"gallery_open_100k_cpu_s", "s", "", 0, "the same, processor time", ""},
			{"gallery_decrypt_100k_cpu_s", "s", "", 0, "of it, decryption: the file read and decrypted, and nothing else", ""},
			{"gallery_open_over_decrypt_100k", "ratio", "", 0, "opening, without the match, over decryption alone, processor time", ""},
			{"gallery_open_100k_decrypt_share", "ratio", "", 0, "of opening, without the match: the file read and decrypted into the matcher's memory, processor time", ""},
			{"gallery_in_100k_s", "s", "", 0, "of the wall time, until everybody is in", ""},
			{"gallery_match_100k_s", "s", "", 0, "of it, the match", ""},
			{"gallery_head_100k_ms", "ms", "", 0, "to the head of that issuer, whose gallery is still closed", ""},
			{"gallery_rows_100k_s", "s", "", 0, "the same gallery from its rows, without a cache, wall time", ""},
			{"gallery_rows_100k_cpu_s", "s", "", 0, "that, processor time", ""},
			{"gallery_rows_over_decrypt_100k", "ratio", "", 0, "opening them, without the match, over decrypting the rows alone, processor time", ""},
			{"gallery_cache_write_100k_s", "s", "", 0, "the cache written, to the disk", ""},
			{"issuer_rss_100k_mb", "MB", "", 0, "memory of that process", ""},
			{"issuer_live_100k_mb", "MB", "", 0, "the same after the garbage of opening is gone", ""},
			{"issuer_live_over_templates_100k", "ratio", "", 0, "that over the bits of the irises alone", ""},
			{"enrol_intake_cpu_us", "us", "", 0, "an enrolment, processor time of both halves of the possession check", ""},
			{"enrol_anchor_batch_us", "us", "", 0, "a member in an anchor of 256, wall time", ""},
			{"tile_cpu_us", "us", "", 0, "a tile over HTTP", ""},
			{"iris_plain_vs_purego", "ratio", ">=", 6, "comparisons of iris codes a second, vectors over pure Go", ""},
			{"iris_plain_entries_per_s_core", "1/s", ">=", 1200000, "iris codes (one eye, 31 rotations) compared a second and core", ""},
		}},
		{"The private matcher", []Limit{
			{"mpc_dot_vs_purego", "ratio", ">=", 80, "dot products over shares, AVX-512 VNNI over plain Go", ""},
			{"mpc_dot_avx2_vs_purego", "ratio", ">=", 25, "the same with AVX2", ""},
			{"mpc_dot_packed_vs_purego", "ratio", ">=", 2.2, "the same in packed pure Go", ""},
			{"mpc_dot_peak_share", "ratio", ">=", .85, "over a loop of VPDPWSSD in registers alone, batched; Karatsuba's method takes fewer products, so it can be above 1", ""},
			{"mpc_dot_single_vs_purego", "ratio", "", 0, "dot products of one query at a time, AVX-512 VNNI over plain Go", ""},
			{"mpc_dot_entry_cpu_us", "us", "", 0, "an eye in 31 rotations over one party's shares, batched", ""},
			{"mpc_dot_comparisons_per_s_core", "1/s", "", 0, "dot products (one eye and rotation) a second and core", ""},
			{"mpc_memory_per_person_bytes", "bytes", "<=", 84480, "one party's shares of a person in memory", ""},
			{"mpc_party_bytes_per_person", "bytes", "<=", 84480, "a whole party's process at 10,000 people, per person", ""},
			{"mpc_nonlinear_ns_per_form", "ns", "<=", 18, "the threshold, per comparison and form", ""},
			{"mpc_bytes_per_form", "bytes", "<=", 9, "traffic per comparison and form", ""},
			{"mpc_rounds", "rounds", "<=", 32, "rounds for 300,000 comparisons, input checks apart", ""},
			{"mpc_comparisons_per_s_core", "1/s", ">=", 5500000, "comparisons a second of one party, both forms, eight queries against 20,000 people, over TLS on loopback", ""},
			{"mpc_comparisons_per_s_core_single", "1/s", "", 0, "the same, one query at a time", ""},
			{"mpc_query_20k_s", "s", "", 0, "one query against 20,000 people, both eyes, three processes of `perhuman party serve` on one machine", ""},
			{"mpc_query_20k_bytes", "bytes", "", 0, "what a party's process writes for it, TLS and its mark on the disk included", ""},
			{"mpc_enrolment_20k_s", "s", "", 0, "a person's whole enrolment there: three folders written and synced, input checks, the query", ""},
			{"mpc_sequencer_peak_mb", "MB", "", 0, "most memory that the issuer's side of it took, whoever is enrolled", ""},
			{"mpc_query_20k_rounds", "rounds", "", 0, "its rounds", ""},
			{"mpc_query_20k_bytes_per_form", "bytes", "", 0, "its traffic per comparison and form", ""},
		}},
	}
}
