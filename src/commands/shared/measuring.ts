/** Measuring this machine with a progress bar, and saving what was found. */
import type {Machine} from '../../analysis/document/machine.ts'
import type {MeasureOptions} from '../../kernels/measure-cpu.ts'
import {measureCpu} from '../../kernels/measure-cpu.ts'
import {saveProfile} from '../../kernels/profile.ts'
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
  const {SingleBar, Presets} = await import('cli-progress')
  const bar = new SingleBar(
    {
      format: '{bar} {percentage} % {label}',
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: null,
      barsize: 24,
    },
    Presets.shades_classic,
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

/** Measures, saves, and passes every remark on. Ctrl-C stops the threads and saves nothing. */
export async function measureAndSave(options: Omit<MeasureOptions, 'onProgress'>, host: MachineHost): Promise<Saved> {
  const measured = await withProgress(host.showsProgress, (onProgress) => measureCpu({...options, onProgress}))
  for (const warning of measured.warnings) host.remark(warning)
  const {saved, path, warnings} = await saveProfile(measured.machine)
  for (const warning of warnings) host.remark(warning)
  return {machine: measured.machine, path, saved}
}
