// What the widget says in Chinese.

/** @type {Record<import('./words.js').Word, string>} */
export const words = {
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
}
