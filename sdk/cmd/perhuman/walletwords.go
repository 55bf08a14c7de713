package main

import (
	"fmt"

	"github.com/perhuman/perhuman/sdk/wallet"
)

// refusalError makes a wallet's refusal a claim that does not hold: status 1,
// with the code for programs and below it, for people, what that means.
func refusalError(err error) error {
	if words := refusalWords(wallet.CodeOf(err)); words != "" {
		return fmt.Errorf("%w: %w\n  %s", errClaim, err, words)
	}
	return fmt.Errorf("%w: %w", errClaim, err)
}

// refusalWords says what a refusal means to the person and what can be done; ""
// where the error itself says all there is to say.
func refusalWords(c wallet.Code) string {
	return map[wallet.Code]string{
		wallet.OriginRefused:        "Only https sites, and http ones on *.localhost, can ask.",
		wallet.ChallengeInvalid:     "The site did not sign this question, or it was changed on the way.",
		wallet.ChallengeWrongRP:     "The question was made for another site: somebody may be passing it on to you.",
		wallet.ChallengeWrongAction: "The question was made for another action.",
		wallet.ChallengeWrongOrigin: "The question was made for another page.",
		wallet.ChallengeExpired:     "The question is too old; ask the site again. If that does not help, look at this machine's clock.",
		wallet.MessageMismatch:      "The question is about other content than -content.",
		wallet.QuotaExhausted:       "You have done this here as often as the site allows; perhuman wallet status says until when.",
		wallet.SlotsRefused:         "The site called two answers in a row already used; it is shown no more in this period.",
		wallet.NotMember:            "This issuer's set does not hold you: perhuman wallet enrol. Right after that, wait for the next anchor.",
		wallet.CrowdTooSmall:        "Too few people are in the set to hide among; nothing was shown.",
		wallet.RootUnproven:         "The set is not the one in the issuer's public log; proving under it could mark you.",
		wallet.WitnessesMissing:     "Too few of the witnesses that you demand have signed the issuer's log.",
		wallet.RootsStale:           "The issuer has signed nothing new for too long; try later.",
		wallet.ForkDetected:         "The issuer has shown two histories. Nothing is proven under it; keep this message.",
		wallet.KeyUnvouched:         "The issuer's key was changed without a word of the old one: see perhuman wallet status.",
		wallet.RollbackDetected:     "The issuer shows an older state than before: it was restored from a backup, or lies.",
		wallet.SourceUnavailable:    "The issuer does not answer; try again.",
	}[c]
}
