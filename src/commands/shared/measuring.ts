/** Measuring this machine with a progress bar, and saving what was found. */
import {speaksUnicode} from '../../../reports/text/ascii.ts'
import type {Machine} from '../../analysis/document/machine.ts'
import type {Warning} from '../../analysis/errors.ts'
import {readIdentity} from '../../kernels/identity.ts'
import type {MeasureOptions} from '../../kernels/measure-cpu.ts'
import {measureCpu} from '../../kernels/measure-cpu.ts'
import {profilePath, saveProfile} from '../../kernels/profile.ts'
import type {MachineHost} from './machine.ts'

export interface Saved {
  readonly machine: Machine
  /** where the profile lies, and whether this measurement was written to it */
  readonly path: string
  readonly saved: boolean
}

/** Draws a bar on standard error while `work` runs; where nobody watches, nothing is drawn. */
export async function withProgress<T>(
  shown: boolean,
  work: (onProgress?: (done: number, total: number, label: string) => void) => Promise<T>,
): Promise<T> {
  if (!shown) return work()
  // by its default export: a CommonJS package that is bundled into a chunk of its own has no other
  const {
    default: {SingleBar, Presets},
  } = await import('cli-progress')
  const bar = new SingleBar(
    {
      format: '{bar} {percentage} % {label}',
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: null,
      barsize: 24,
      // the bar turns the terminal's line wrapping off: Ctrl-C must not leave it so
      gracefulExit: true,
    },
    speaksUnicode(process.env) ? Presets.shades_classic : Presets.legacy,
  )
  bar.start(1, 0, {label: 'starting'})
  try {
    return await work((done, total, label) => {
      bar.setTotal(total)
      bar.update(done, {label})
    })
  } finally {
    bar.stop()
  }
}

/** Many ceilings with the same complaint are one remark: a busy neighbour disturbs a dozen at once. */
function condensed(warnings: readonly Warning[], ceilings: number): Warning[] {
  const unsettled = warnings.filter(({code}) => code === 'ceiling-noisy' || code === 'ceiling-throttled')
  if (unsettled.length < 3) return [...warnings]
  const ids = unsettled.map(({message}) => message.slice(0, message.indexOf(':')))
  const message = `${unsettled.length} of ${ceilings} ceilings were disturbed (${ids.slice(0, 3).join(', ')} …): their maxima stand, and each says by how much in its verdict; the machine was busy`
  return [...warnings.filter((warning) => !unsettled.includes(warning)), {code: 'ceiling-noisy', message}]
}

/** Measures, saves, and passes every remark on. Ctrl-C stops the threads and saves nothing. */
export async function measureAndSave(
  {sustain, ...options}: Omit<MeasureOptions, 'onProgress'> & {sustain?: number | undefined},
  host: MachineHost,
): Promise<Saved> {
  const measured = await withProgress(host.showsProgress, (onProgress) => measureCpu({...options, onProgress}))
  for (const warning of condensed(measured.warnings, measured.machine.ceilings.length)) host.remark(warning)
  const machine = sustain === undefined ? measured.machine : await sustained(measured.machine, sustain, options, host)
  if (options.isa !== undefined) {
    // a profile of one set would stand for the whole machine
    host.say(`not saved: only ${options.isa} was measured; --json > FILE keeps it, and --machine FILE uses it`)
    return {machine, path: profilePath(readIdentity().key), saved: false}
  }
  const {saved, path, warnings} = await saveProfile(machine)
  for (const warning of warnings) host.remark(warning)
  return {machine, path, saved}
}

/** The machine with the ceiling that remains under a load of `seconds`, and the curve over that time. */
async function sustained(
  machine: Machine,
  seconds: number,
  {threads, isa}: Pick<MeasureOptions, 'threads' | 'isa'>,
  host: MachineHost,
): Promise<Machine> {
  const {besideShort, measureSustained} = await import('../../kernels/sustain.ts')
  const run = await withProgress(host.showsProgress, (onProgress) =>
    measureSustained({seconds, threads, isa, onProgress}),
  )
  for (const warning of run.warnings) host.remark(warning)
  const {curve, peak, remains} = run
  const ceiling = besideShort(run, machine.ceilings)
  if (ceiling.verdict !== 'ok')
    host.remark({code: `ceiling-${ceiling.verdict}`, message: `${ceiling.id}: ${ceiling.reason}`})
  return {
    ...machine,
    identity: {...machine.identity, sustained: {seconds, curve, peak, remains}},
    ceilings: [...machine.ceilings, ceiling],
  }
}
