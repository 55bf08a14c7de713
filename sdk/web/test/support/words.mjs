// The widget's words in all languages.
import { languages, load, wordsFor } from '../../words.js'

/** @returns {Promise<Record<string, Record<string, string>>>} */
export async function everyWord() {
  for (const lang of languages) await load(lang)
  return Object.fromEntries(languages.map((lang) => [lang, wordsFor(lang)]))
}
