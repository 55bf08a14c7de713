// Every code a server or wallet can answer with, in words for the person who
// was just refused. A test compares the list with the one table in sdk/api.

/** @type {Record<string, string>} */
const plain = {
  ok: 'Accepted.',
  malformed_request: 'The request could not be read.',
  not_canonical: 'A number is written in another way than its one right form.',
  depth_unsupported: 'The proof is about a tree of the wrong size.',
  too_large: 'That is too large.',
  credential_missing: 'The request lacks an app key.',
  credential_invalid: 'The app key is not known.',
  action_unknown: 'There is no such action.',
  policy_conflict: 'This action has another rule already.',
  test_key_in_production: 'A test key does not work here.',
  not_found: 'Nothing is at this address.',
  method_not_allowed: 'This address does not take that kind of request.',
  wrong_media_type: 'The request is in the wrong format.',
  origin_not_allowed: 'Requests from that site are not accepted.',
  gone: 'This is no longer served.',
  challenge_missing: 'The proof answers no question of this site.',
  challenge_invalid: 'The question was not asked by this site.',
  challenge_wrong_rp: 'The proof was made for another site.',
  challenge_wrong_action: 'The proof was made for another action.',
  challenge_wrong_origin: 'The question was asked from another site.',
  challenge_wrong_session: 'The proof was made in somebody else’s session.',
  scope_mismatch: 'The proof was made for another site, action, period or slot.',
  message_mismatch: 'The proof was made for another text.',
  challenge_expired: 'That took too long. Please try again.',
  challenge_already_used: 'This answer was handed in before.',
  nullifier_already_used: 'This human has used this slot already.',
  idempotency_key_conflict: 'The request repeats a key with other content.',
  root_unknown: 'The proof is about a set of people that the issuer never published.',
  root_expired: 'The proof is about a set of people that is too old.',
  root_not_snapshot: 'The proof is not about the frozen set of this vote.',
  issuer_missing: 'A proof under each of the required issuers is needed.',
  nullifier_mismatch: 'The proofs were made with different identities.',
  proof_invalid: 'The proof does not verify.',
  rate_limited: 'Too many requests. Please wait a moment.',
  overloaded: 'Too busy at the moment. Please try again.',
  store_unavailable: 'The store does not answer, so nothing was decided. Please try again.',
  in_doubt: 'It is not known whether this was stored. Please try again; nothing is counted twice.',
  roots_stale: 'The issuer has not been heard from for too long.',
  internal_error: 'Something went wrong on this site.',
  session_expired: 'The enrolment took too long. Please start again.',
  session_used: 'This enrolment was completed before.',
  possession_invalid: 'The wallet’s signature does not fit its identity.',
  commitment_invalid: 'The wallet’s identity is not acceptable.',
  commitment_exists: 'This wallet’s identity is in the set already.',
  capture_untrusted: 'The capture was not made by a device this issuer trusts.',
  capture_replayed: 'The capture was used before.',
  quality_too_low: 'The capture is not good enough. Please take another.',
  already_enrolled: 'You are enrolled already, under another secret. Each person enrols once.',
  not_accepted: 'The enrolment was not accepted.',
  cooldown_active: 'You have to wait before you can enrol again.',
  device_revoked: 'The capture device is no longer trusted.',
  matcher_unavailable: 'The issuer cannot compare captures at the moment. Please try again.',
  quota_exhausted: 'You have used up what this site lets one person do in this period.',
  not_member: 'This wallet’s identity is not in the set.',
  crowd_too_small: 'The set is too small to hide in.',
  cancelled: 'You declined.',
}

export const codes = Object.keys(plain)

/** @param {string} code */
export function explain(code) {
  return plain[code] ?? 'That did not work.'
}
