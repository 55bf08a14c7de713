// What the widget says in German.

/** @type {Record<import('./words.js').Word, string>} */
export const words = {
  prompt: 'Bestätigen, dass Sie ein Mensch sind',
  opening: 'Ihre Wallet wird geöffnet …',
  waiting: 'Bitte im Wallet-Fenster fortfahren',
  proving: 'Ihre Wallet erstellt den Nachweis …',
  verified: 'Ein Mensch, bestätigt',
  expired: 'Die Bestätigung ist abgelaufen. Bitte erneut bestätigen.',
  required: 'Bitte bestätigen Sie, dass Sie ein Mensch sind.',
  retry: 'Erneut versuchen',
  popup_blocked: 'Der Browser hat das Wallet-Fenster blockiert. Erlauben Sie Pop-ups für diese Seite und versuchen Sie es erneut.',
  cancelled: 'Die Wallet wurde geschlossen, bevor sie geantwortet hat.',
  timeout: 'Die Wallet hat nicht rechtzeitig geantwortet.',
  not_member: 'Sie sind noch nicht verifiziert. Öffnen Sie zuerst Ihre Wallet und lassen Sie sich verifizieren.',
  quota_exhausted: 'Sie haben ausgeschöpft, was diese Seite einer Person in diesem Zeitraum erlaubt.',
  crowd_too_small: 'Die Gruppe, in der Sie verborgen bleiben, ist noch zu klein.',
  roots_stale: 'Vom Aussteller kam zu lange keine Nachricht. Versuchen Sie es später erneut.',
  challenge_expired: 'Das hat zu lange gedauert. Versuchen Sie es erneut.',
  network: 'Diese Seite hat nicht geantwortet. Versuchen Sie es erneut.',
  wrong_app: 'Diese Schaltfläche gehört zu einer anderen Seite.',
  failed: 'Das hat nicht geklappt.',
}
