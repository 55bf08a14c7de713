// HTTP to the demo's origins from Node, which does not resolve names under
// .localhost: every connection goes to 127.0.0.1, the name is in Host.
import http from 'node:http'

/**
 * @param {string} url
 * @param {{method?: string, headers?: Record<string, string>, body?: unknown}} [options] body: sent as JSON, strings as they are
 * @returns {Promise<{status: number, headers: http.IncomingHttpHeaders, text: string, json: any}>} json: undefined if it is none
 */
export function call(url, { method, headers = {}, body } = {}) {
  const { host, port, pathname, search } = new URL(url)
  const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const all = { Host: host, ...(sent === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(sent)) }), ...headers }
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: pathname + search, method: method ?? (sent === undefined ? 'GET' : 'POST'), headers: all }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (d) => { text += d })
      answer.on('end', () => {
        let json
        try {
          json = JSON.parse(text)
        } catch {} // a problem of the caller's, who looks at text then
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json })
      })
    })
    request.on('error', reject)
    request.setTimeout(30_000, () => request.destroy(new Error(`no answer: ${url}`)))
    request.end(sent)
  })
}
