// From the camera to 128 small numbers, in this page. face-api finds the face
// (SSD MobileNet), 68 landmarks align it, a network turns it into a descriptor;
// several frames are averaged. Distances between descriptors of one person are
// small: squared Euclidean distance below 0.55 in its units counts as the same.
import { quantise } from '/perhuman/capture/split.js'
import { t } from './words.js'

const folder = '/face/'
const frames = 8 // averaged
const patience = 60_000 // milliseconds until a capture is given up

/** Why no capture was made, in words for the person. */
export class Unseen extends Error {
  /** @param {import('./words.js').Key} key @param {unknown} [cause] */
  constructor(key, cause) {
    super(t(key), { cause })
  }
}

/** Whether there is a camera and the models were installed. */
export async function cameraExists() {
  if (!navigator.mediaDevices?.getUserMedia) return false
  const [devices, models] = await Promise.all([
    navigator.mediaDevices.enumerateDevices().catch(() => []),
    fetch(folder + 'face_recognition_model-weights_manifest.json', { method: 'HEAD' }).then((r) => r.ok).catch(() => false),
  ])
  return models && devices.some((d) => d.kind === 'videoinput')
}

/** @type {Promise<any> | undefined} */
let library

/** Loads face-api and its models once. @returns {Promise<any>} */
async function load() {
  const url = folder + 'face-api.esm.js'
  const faceapi = await import(url)
  faceapi.tf.setWasmPaths(folder)
  await faceapi.tf.setBackend('wasm')
  await faceapi.tf.ready()
  for (const net of [faceapi.nets.ssdMobilenetv1, faceapi.nets.faceLandmark68Net, faceapi.nets.faceRecognitionNet]) await net.loadFromUri(folder)
  return faceapi
}

/** @param {AbortSignal} signal */
async function openCamera(signal) {
  let stream
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: 'user' } })
  } catch (err) {
    const denied = err instanceof DOMException && err.name === 'NotAllowedError'
    throw new Unseen(denied ? 'camera_denied' : 'camera_closed', err)
  }
  const close = () => stream.getTracks().forEach((t) => t.stop())
  if (signal.aborted) close()
  signal.addEventListener('abort', close)
  return stream
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function distance(a, b) {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2
  return sum
}

/** @param {Float32Array[]} list */
function mean(list) {
  const out = new Float32Array(128)
  for (const d of list) for (let i = 0; i < 128; i++) out[i] += d[i] / list.length
  return out
}

/**
 * Takes frames until enough good ones of one face are there.
 * @param {HTMLVideoElement} video shows the picture meanwhile
 * @param {AbortSignal} signal
 * @param {(p: {text: string, done: number, good: boolean}) => void} progress
 * @returns {Promise<Int8Array<ArrayBuffer>>} 128 components, times 256: a template, which whoever has it can compare
 */
export async function capture(video, signal, progress) {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  try {
    const stream = await openCamera(both)
    video.srcObject = stream
    await video.play()
    library ??= load()
    const faceapi = await library.catch((err) => {
      library = undefined
      throw new Unseen('models_missing', err)
    })
    const canvas = document.createElement('canvas')
    const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5 })
    const end = performance.now() + patience
    /** @type {Float32Array[]} */
    let taken = []
    while (taken.length < frames) {
      both.throwIfAborted()
      if (performance.now() > end) throw new Unseen('unsteady')
      canvas.width = video.videoWidth
      canvas.height = video.videoHeight
      canvas.getContext('2d', { willReadFrequently: true })?.drawImage(video, 0, 0)
      const faces = await faceapi.detectAllFaces(canvas, options).withFaceLandmarks().withFaceDescriptors()
      const trouble = faces.length === 0 ? t('nobody') : faces.length > 1 ? t('several')
        : faces[0].detection.box.width < video.videoWidth * 0.17 ? t('closer') : ''
      if (!trouble) {
        if (taken.length > 0 && distance(mean(taken), faces[0].descriptor) > 0.3) taken = [] // moved, or somebody else
        taken.push(faces[0].descriptor)
      }
      progress({ text: trouble || t('hold', { n: taken.length, of: frames }), done: taken.length / frames, good: !trouble })
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    return quantise(mean(taken))
  } finally {
    stop.abort() // turns the camera off
    video.srcObject = null
  }
}
