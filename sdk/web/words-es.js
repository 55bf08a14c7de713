// What the widget says in Spanish.

/** @type {Record<import('./words.js').Word, string>} */
export const words = {
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
}
