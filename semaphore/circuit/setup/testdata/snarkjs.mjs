// Loads the pinned snarkjs, one thread, no network.
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { join } from "node:path"

globalThis.fetch = () => {
    throw new Error("the network is not for this test")
}
const load = async (require, name) => {
    const m = await import(pathToFileURL(require.resolve(name)).href)
    return m.default ?? m
}
const outer = createRequire(join(process.argv[2], "package.json"))
export const snarkjs = await load(outer, "snarkjs")
const ffjavascript = await load(createRequire(outer.resolve("snarkjs")), "ffjavascript")
export const curve = await ffjavascript.getCurveFromName("bn128", { singleThread: true })
// snarkjs leaves worker threads behind.
export const exit = (answer) => process.stdout.write(JSON.stringify(answer), () => process.exit(0))
