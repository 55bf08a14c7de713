// BENCH lines of what pages download: the programs as build.mjs builds them
// (-trimpath -ldflags "-s -w", then slim), compressed with gzip -9.
// Node's own zlib is built for speed and packs about 1 % worse; gzip's figure
// is the one that goals are about.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

for (const [name, file] of [['wasm_gzip_bytes', 'wallet.wasm'], ['wasm_check_gzip_bytes', 'check.wasm']]) {
  const path = fileURLToPath(new URL(`../dist/${file}`, import.meta.url))
  console.log(`BENCH ${name} ${execFileSync('gzip', ['-9', '-n', '-c', path], { maxBuffer: 1 << 26 }).length} bytes`)
}
