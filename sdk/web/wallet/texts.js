// Plain sentences for codes and for how often something may be done.

/** @type {Record<string, string>} */
const sentences = {
  wrong_passphrase: 'That passphrase does not open this wallet.',
  wrong_passkey: 'That passkey does not open this wallet.',
  passkey_failed: 'The passkey was not used: it was cancelled, took too long, or is no longer on this device. Try again, or import your backup code into a fresh wallet.',
  passkey_unverified: 'The device did not check that it is you (fingerprint, face or PIN), so the passkey is not accepted.',
  passkey_without_prf: 'This device’s passkeys cannot derive a key, which the wallet needs. Use a passphrase instead.',
  backup_malformed: 'That is not a backup code: it has 55 letters and digits after PH1.',
  backup_mistyped: 'One or more symbols of the backup code are wrong.',
  backup_unsupported: 'This identity has no short backup code; copy its long form instead.',
  secret_invalid: 'That is not an identity this wallet can import.',
  engine_missing: 'The prover could not be loaded. If you run this from source, build it with “make wasm”.',
  quota_exhausted: 'You have used up what this site lets one person do in this period.',
  slots_refused: 'This site called two of your slots used although you never used them. The wallet shows it no more in this period, because that would let it link them.',
  crowd_too_small: 'The group to hide in is too small still. The wallet refuses to prove until it has grown.',
  not_member: 'You are not in the issuer’s set yet.',
  not_synced: 'The wallet has not heard from the issuer yet.',
  root_unproven: 'The issuer showed a set that its public log does not hold. The wallet refuses to use it.',
  roots_stale: 'The issuer has not been heard from for too long.',
  fork_detected: 'The issuer has shown two different histories. The wallet refuses to work with it.',
  source_unavailable: 'The issuer does not answer. Try again in a moment.',
  store_unavailable: 'This browser did not let the wallet write down the use of a slot, so the proof was not shown to anybody.',
  proof_failed: 'The proof could not be made.',
  challenge_invalid: 'The site’s question is not well formed.',
  challenge_wrong_rp: 'The question was made for another site. This can be an attempt to trick you.',
  challenge_wrong_origin: 'The question was made for another site. This can be an attempt to trick you.',
  challenge_wrong_action: 'The question was made for another action. This can be an attempt to trick you.',
  challenge_expired: 'The question is too old. Go back and try again.',
  message_mismatch: 'What you are shown is not what the site wants bound. This can be an attempt to trick you.',
  origin_refused: 'Only sites with https (or on this computer) may ask.',
  request_invalid: 'The site’s question is not well formed.',
  cancelled: 'Cancelled.',
  timeout: 'That took too long.',
  popup_blocked: 'The browser blocked the issuer’s window. Allow pop-ups for this page and try again.',
  already_enrolled: 'The issuer says this person is enrolled already, under another secret. Each person enrols once: import the backup code of your first wallet instead.',
  not_accepted: 'The issuer did not accept this enrolment.',
  commitment_exists: 'This wallet’s identity is in the set already.',
  session_expired: 'The enrolment took too long. Start again.',
  capture_untrusted: 'The issuer does not trust the device that made the capture.',
  quality_too_low: 'The capture was not good enough. Try again with more light.',
  matcher_unavailable: 'The issuer cannot compare captures at the moment. Try again later.',
}

/** @param {unknown} err an error with a code, or a code */
export function sentence(err) {
  const code = codeOf(err)
  return sentences[code] ?? `That did not work (${code}).`
}

/** @param {unknown} err */
export function codeOf(err) {
  if (typeof err === 'string') return err
  const code = /** @type {any} */ (err)?.code
  return typeof code === 'string' && code ? code : 'failed'
}

/** "today", "in this hour", "ever". @param {number} len seconds of a period, 0 for ever */
export function periodWord(len) {
  if (len === 0) return 'ever'
  if (len === 86400) return 'today'
  if (len === 3600) return 'in this hour'
  if (len === 604800) return 'this week'
  return 'in this period'
}

/** @param {{kind: string, len: number, k: number}} p */
export function policySentence({ kind, len, k }) {
  if (kind === 'once') return 'Each person can do this once, ever.'
  if (kind === 'returning') return 'The site recognises you when you return, and nothing else about you.'
  const each = len === 86400 ? 'a day' : len === 3600 ? 'an hour' : len === 604800 ? 'a week' : 'per period'
  return `Each person can do this ${k === 1 ? 'once' : `${k} times`} ${each}.`
}
