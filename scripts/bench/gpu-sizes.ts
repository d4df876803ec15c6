/**
 * Every WGSL kernel at every size of the tests and by every way, against its reference, on this machine's GPU: what the tests of
 * tests/kernels/webgpu do, without vitest. `npm run bench:gpu-pack` puts it into the copy for machines without Node: sh sizes.sh [--adapter NAME] [--seconds N].
 * A line for each kernel; every kernel's first size before any one's second. Exit 1 where a result was wrong.
 */
import {parseArgs} from 'node:util'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {defaultTolerance} from '../../src/kernels/families/types.ts'
import {openNodeGpu} from '../../src/kernels/webgpu/node.ts'
import {gpuKernels} from '../../src/kernels/webgpu/programs.ts'
import {checkOnGpu, shadersOf, type Variants} from '../../src/kernels/webgpu/run.ts'
import {isPassing} from '../../src/kernels/webgpu/search.ts'
import {gpuCases, waySizes} from '../../tests/kernels/webgpu/cases.ts'

const {values} = parseArgs({options: {adapter: {type: 'string'}, seconds: {type: 'string', default: '240'}}})
const end = performance.now() + 1000 * Number(values.seconds)
const session = await openNodeGpu({adapter: values.adapter}).catch((error: unknown) => {
  if (!(error instanceof AnalysisError)) throw error
  process.stderr.write(`${[error.message, ...error.suggestions].join('\n  ')}\n`)
  return process.exit(error.exitCode)
})
const {facts} = session
process.stdout.write(`${facts.name}: ${facts.features.join(', ')}\n`)

const found = new Map<string, {runs: number; worst: number; said: string[]}>()
const defs = Object.values(gpuKernels).filter(
  ({formats = {}}) => session.hasF16 || !Object.values(formats).includes('f16'),
)
/** One size of a kernel by its first way, or by every other. */
async function check(id: string, dims: readonly number[], others: boolean): Promise<void> {
  const def = gpuKernels[id]!
  const program = def.program(dims)
  const part = program.parts[0]!
  const numbers = others ? shadersOf(session, part).slice(1) : [{number: 0}]
  const own = found.get(id) ?? {runs: 0, worst: 0, said: []}
  found.set(id, own)
  for (const {number} of numbers) {
    // a compiler that takes the process with it leaves this line as the last
    process.stderr.write(`${id} ${dims.join('x')} way ${number}\n`)
    const variants: Variants = new Map(number === 0 ? [] : [[part.kernel, number]])
    const what = `${dims.join('x')} way ${number}`
    try {
      const error = await checkOnGpu(session, program, def, variants)
      own.runs++
      own.worst = Math.max(own.worst, error)
      if (!(error <= (def.tolerance ?? defaultTolerance.f32))) own.said.push(`${what}: differs by ${error}`)
    } catch (error) {
      if (session.lost !== undefined || !isPassing(error)) throw error
      own.said.push(`${what}: ${error.message}`)
    }
  }
}

let [runs, round] = [0, 0]
for (let left = true; left && performance.now() < end; round++) {
  left = false
  for (const def of defs)
    for (const [dims, others] of [
      [gpuCases(def)[round], false],
      [[...(def.whole ? [def.whole] : []), ...(waySizes[def.id] ?? [])][round], true],
    ] as const)
      if (dims && performance.now() < end) {
        left = true
        await check(def.id, dims, others)
      }
}
let wrong = 0
for (const [id, {runs: own, worst, said}] of found) {
  runs += own
  wrong += said.length
  process.stdout.write(
    `${said.length === 0 ? 'ok ' : 'NO '} ${id}: ${own} runs, largest error ${worst.toExponential(1)}\n`,
  )
  for (const line of said) process.stdout.write(`     ${line}\n`)
}
const whole = performance.now() < end ? 'every size' : `the time was over at size ${round} of each kernel`
process.stdout.write(`${runs} runs, ${wrong} not as they should be; ${whole}\n`)
session.close()
process.exitCode = wrong > 0 ? 1 : 0
