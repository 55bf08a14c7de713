// BENCH lines of what pages download: the programs as build.mjs builds them
// (-trimpath -ldflags "-s -w"), compressed with gzip -9.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

for (const [name, file] of [['wasm_gzip_bytes', 'wallet.wasm'], ['wasm_check_gzip_bytes', 'check.wasm']]) {
  const body = readFileSync(new URL(`../dist/${file}`, import.meta.url))
  console.log(`BENCH ${name} ${gzipSync(body, { level: 9 }).length} bytes`)
}
