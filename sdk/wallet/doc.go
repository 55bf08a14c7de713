// Package wallet is the holder's side: it keeps one person's secret, follows
// one issuer, and answers the requests of relying parties with zero-knowledge
// proofs, or refuses and says why.
//
// A person needs three things from a wallet: that the secret stays, that a
// proof is made only for the site that they are looking at and only under a set
// that everybody else sees too, and that no slot is shown twice. The rules that
// follow from this are in protocol.md sections 1 to 3 and setlog.md; every one
// that fails is a [Refusal] with a [Code].
//
// # Use
//
//	w, err := wallet.New(wallet.Config{Issuer: vkey, Source: src, Store: store, Prover: &wallet.Prover{Depth: p.Depth(), Prove: p.Prove}, Now: time.Now})
//	err = w.Unlock(key)                 // 32 secret bytes, held until Lock
//	st, err := w.Sync(ctx)              // on the wallet's own schedule; the only call that uses the network
//	prompt, err := w.Prepare(ctx, req)  // every rule but the proof: what to show the person
//	ans, err := w.Answer(ctx, req)      // after the person's click: no network
//
// ans.Response goes to the relying party, in the header Perhuman-Response or
// the form field perhuman-response. Tell the wallet what came back with
// [Wallet.Settle], if you learn it.
//
// Enrolment needs [Wallet.Possess]: it signs the issuer's session nonce and
// derives the salt of the biometric commitment.
//
// # What leaves the wallet, and when
//
// The relying party is taken from the origin that the browser reports
// ([Request].Origin) and from nothing else, scopes are computed here, and a
// challenge for another site, action, origin or content is refused. A program
// with no browser around it has no guard against phishing: whoever calls it
// vouches for the origin.
//
// Sync reads the issuer's public files: the head, log tiles for consistency,
// and either all leaves of the set or the tiles of a block of some 512 people,
// the same for everybody in it. No request names one leaf, and none is made
// because somebody asked for a proof. What is read is checked against the head's
// root, the head against the public log, the log against the one seen before; an
// issuer that shows two histories is never proved under again.
//
// A slot is written to the [Store] before the response is returned, in an order
// that only this secret knows. One challenge gets one slot; asking again for the
// same challenge returns the same bytes.
//
// # Secrets
//
// The key enters by Unlock and is never returned; Lock drops it and overwrites
// what this package copied. Go may have left copies on stacks or in memory that
// was moved: a wallet that must withstand a reader of its memory belongs into
// hardware. No error text and no state holds the secret or anything derived
// from it.
//
// # Self-check
//
// With [Config].Verify set, each proof is verified before its slot is
// written down: under a millisecond where a proof takes 200, and a proof that
// memory corruption or a wrong key file has spoiled then costs no slot.
package wallet
