// What the widget says, in each language. A test checks that no key is missing.

const en = {
  prompt: 'Confirm you are one human',
  opening: 'Opening your wallet …',
  waiting: 'Continue in the wallet window',
  proving: 'Your wallet is making the proof …',
  verified: 'One human, confirmed',
  expired: 'The confirmation ran out. Confirm again.',
  required: 'Please confirm that you are one human.',
  retry: 'Try again',
  popup_blocked: 'The browser blocked the wallet window. Allow pop-ups for this page and try again.',
  cancelled: 'The wallet was closed before it answered.',
  timeout: 'The wallet did not answer in time.',
  not_member: 'You are not verified yet. Open your wallet and become verified first.',
  quota_exhausted: 'You have used up what this site lets one person do in this period.',
  crowd_too_small: 'The group to hide in is still too small.',
  roots_stale: 'The issuer has not been heard from for too long. Try again later.',
  challenge_expired: 'That took too long. Try again.',
  network: 'This site did not answer. Try again.',
  wrong_app: 'This button belongs to another site.',
  failed: 'That did not work.',
}

/** @typedef {keyof typeof en} Word */

/** @type {Record<string, Record<Word, string>>} */
export const words = {
  en,
  de: {
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
  },
  zh: {
    prompt: '确认您是一个真人',
    opening: '正在打开您的钱包…',
    waiting: '请在钱包窗口中继续',
    proving: '您的钱包正在生成证明…',
    verified: '已确认为一个真人',
    expired: '确认已过期，请重新确认。',
    required: '请先确认您是一个真人。',
    retry: '重试',
    popup_blocked: '浏览器阻止了钱包窗口。请允许本页面弹出窗口后重试。',
    cancelled: '钱包在作出回应之前被关闭。',
    timeout: '钱包未能及时回应。',
    not_member: '您尚未通过验证。请先打开钱包完成验证。',
    quota_exhausted: '本站在此期间允许每个人进行的次数已用完。',
    crowd_too_small: '可供您隐身的人群仍然太小。',
    roots_stale: '已经太久没有收到发行方的消息，请稍后重试。',
    challenge_expired: '用时过长，请重试。',
    network: '本站没有回应，请重试。',
    wrong_app: '此按钮属于另一个网站。',
    failed: '操作未成功。',
  },
  es: {
    prompt: 'Confirme que es una persona',
    opening: 'Abriendo su cartera…',
    waiting: 'Continúe en la ventana de la cartera',
    proving: 'Su cartera está creando la prueba…',
    verified: 'Una persona, confirmado',
    expired: 'La confirmación ha caducado. Confirme de nuevo.',
    required: 'Confirme que es una persona.',
    retry: 'Intentar de nuevo',
    popup_blocked: 'El navegador bloqueó la ventana de la cartera. Permita las ventanas emergentes en esta página e inténtelo de nuevo.',
    cancelled: 'La cartera se cerró antes de responder.',
    timeout: 'La cartera no respondió a tiempo.',
    not_member: 'Aún no está verificado. Abra primero su cartera y verifíquese.',
    quota_exhausted: 'Ha agotado lo que este sitio permite a una persona en este período.',
    crowd_too_small: 'El grupo en el que ocultarse aún es demasiado pequeño.',
    roots_stale: 'Hace demasiado tiempo que no hay noticias del emisor. Inténtelo más tarde.',
    challenge_expired: 'Tardó demasiado. Inténtelo de nuevo.',
    network: 'Este sitio no respondió. Inténtelo de nuevo.',
    wrong_app: 'Este botón pertenece a otro sitio.',
    failed: 'No ha funcionado.',
  },
}

/** The words of the closest language there is. @param {string} lang */
export function wordsFor(lang) {
  const short = lang.toLowerCase().split('-')[0]
  return Object.hasOwn(words, short) ? words[short] : words.en
}
