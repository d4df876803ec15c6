/// <reference lib="dom" />
/** Measures the GPU of whoever reads the page, and places the workload under it. */
import {measureVisitorGpu} from 'ridgepoint:gpu'
import type {Ceiling, Machine} from '../../../src/analysis/document/machine.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {format} from '../../../src/analysis/units.ts'
import {h, save} from '../dom.ts'
import type {Store} from '../state.ts'

/** A ceiling that the chart has: what contradicts another is none. */
const isBelieved = ({verdict = 'ok'}: Ceiling): boolean =>
  !['implausible', 'wrong', 'skipped', 'failed'].includes(verdict)

/** The ceilings that a reader compares first, in words, and how many of all are in doubt. */
function summaryOf({name, ceilings}: Machine): string {
  const best = (isOne: (ceiling: Ceiling) => boolean) =>
    ceilings.filter((c) => isBelieved(c) && isOne(c)).sort((a, b) => b.value - a.value)[0]
  const compute = best(({operation, dtype, engine}) => operation === 'fma' && dtype === 'f32' && engine === 'vector')
  const bandwidth = best(({kind, level}) => kind === 'bandwidth' && level === 'DRAM')
  const rates = [compute, bandwidth].flatMap((c) => (c ? [format(c.value, c.unit)] : []))
  const doubtful = ceilings.filter(({verdict = 'ok'}) => verdict !== 'ok').length
  const doubts =
    doubtful === 0
      ? ''
      : `. ${doubtful} of ${ceilings.length} ceilings varied or contradict another: with other programs closed a second try may say more`
  return `${name}: ${rates.join(', ')}${doubts}`
}

/** What went wrong, and the next step where there is one. */
function sentence(error: unknown): string {
  if (error instanceof AnalysisError) return [error.message, ...error.suggestions.slice(0, 1)].join('. Next: ')
  return error instanceof Error ? error.message : String(error)
}

/** `undefined` where the page cannot compute again: there would be nothing to place. */
export function gpuSection(store: Store): HTMLElement | undefined {
  if (!store.sourced.source) return undefined
  const said = h('p', {class: 'status', role: 'status'})
  const bar = h('progress', {hidden: true, max: 1, value: 0, 'aria-label': 'Measuring'})
  const start = h('button', {type: 'button', click: () => void measure()}, 'Measure this GPU')
  const stop = h('button', {type: 'button', hidden: true, click: () => running?.abort()}, 'Cancel')
  const keep = h('button', {type: 'button', hidden: true}, 'Save profile')
  let running: AbortController | undefined
  let profile = ''
  keep.addEventListener('click', () => save('local-gpu.json', 'application/json', profile))

  async function measure(): Promise<void> {
    running = new AbortController()
    start.disabled = true
    stop.hidden = bar.hidden = false
    said.classList.remove('bad')
    try {
      const {machine, warnings} = await measureVisitorGpu({
        signal: running.signal,
        onProgress: (done, total, label) => {
          bar.max = Math.max(1, total)
          bar.value = done
          said.textContent = label
        },
      })
      profile = `${JSON.stringify({schema: 'ridgepoint/machine@1', ok: true, result: machine, warnings}, null, 2)}\n`
      store.addMachine(machine)
      store.apply({...store.state.settings, machine: machine.id})
      if (store.state.problem !== '') throw new Error(store.state.problem)
      keep.hidden = false
      const doubts = warnings.map(({message}) => ` ${message.replace(/\.?$/, '.')}`).join('')
      said.textContent = `Measured ${summaryOf(machine)}. Every view now stands under its ceilings.${doubts}`
    } catch (error) {
      said.classList.add('bad')
      said.textContent = sentence(error)
    } finally {
      running = undefined
      start.disabled = false
      stop.hidden = bar.hidden = true
    }
  }

  return h(
    'section',
    {id: 'gpu'},
    h('h2', {}, 'Your own GPU'),
    h(
      'p',
      {class: 'lead'},
      'Runs small kernels through WebGPU for some seconds, draws the ceilings that they find, and places every operator under them. Nothing leaves this page.',
    ),
    h('div', {class: 'tools'}, start, stop, keep, bar),
    said,
  )
}
