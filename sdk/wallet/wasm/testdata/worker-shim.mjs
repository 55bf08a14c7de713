// Runs a web worker's script in a Node worker thread: the parts of a dedicated
// worker's global scope that worker.js uses, with a Cache API in memory.
import { parentPort, workerData } from 'node:worker_threads'
import { fault } from './browser.mjs'

globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer)
const waiting = []
let listener = (event) => waiting.push(event)
fault.mute = workerData.mute
fault.die = workerData.die
const helper = workerData.url.endsWith('/helper.js')
parentPort.on('message', (data) => {
  if (helper && data.method === 'sum' && workerData.mute) return // ended by the browser, which says nothing
  if (helper && data.method === 'sum' && workerData.die) throw new Error('a helper dies')
  listener({ data })
})
globalThis.addEventListener = (type, f) => {
  if (type !== 'message') return
  listener = f
  for (const event of waiting.splice(0)) f(event)
}

const kept = new Map()
globalThis.caches = {
  keys: async () => ['one'],
  match: async (url) => kept.get(url)?.clone(),
  async open() {
    return {
      match: async (url) => kept.get(url)?.clone(),
      put: async (url, response) => void kept.set(url, response),
      delete: async (url) => kept.delete(url),
    }
  },
}
// A test may damage what is kept.
if (workerData.poison) kept.set(workerData.poison, new Response('not a proving key'))

await import(workerData.url)
