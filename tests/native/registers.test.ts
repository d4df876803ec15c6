import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {expect, test} from 'vitest'

const disassembled = (...args: string[]) =>
  spawnSync('objdump', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
const hasObjdump = disassembled('--version').status === 0

// A tile whose sums GCC keeps on the stack gives the same numbers at a third of the speed: no other test sees it.
test.skipIf(process.arch !== 'x64' || !hasObjdump)('the sums of every register tile stay in registers', () => {
  const {stdout} = disassembled('-d', '--no-show-raw-insn', 'build/Release/ridgepoint.node')
  const tiles = stdout.split('\n\n').filter((text) => /^[0-9a-f]+ <\S*tileOf/.test(text))
  const counted = tiles.map((text) => ({
    name: text.slice(0, text.indexOf('\n')),
    products: text.match(/\bv?(?:pdpbusd|fmadd\w*|pmaddwd|mulp[sd])\b/g)?.length ?? 0,
    stack: text.split('\n').filter((line) => /%[xyz]mm/.test(line) && /\(%r[sb]p/.test(line)).length,
  }))
  const wide = counted.filter(({products}) => products > 20)
  expect(wide.length).toBeGreaterThan(50)
  // 0.63 at most where they do, edges of a matrix among them; 2.5 and more where they did not
  expect(wide.filter(({products, stack}) => stack > products)).toEqual([])
})
