import * as Flags from '@oclif/core/flags'
import type {Analysis} from '../analysis/document/analysis.ts'
import type {Machine} from '../analysis/document/machine.ts'
import type {Placement} from '../analysis/document/placement.ts'
import {AnalysisError} from '../analysis/errors.ts'
import {type Points, parsePoints, place, pointOf} from '../analysis/place.ts'
import {BaseCommand} from './shared/base.ts'
import {dtypeNames, oneMachine, reportFlag} from './shared/flags.ts'
import {findMachine} from './shared/machine.ts'
import {readInput} from './shared/model.ts'

const measured = (summary: string, helpValue: string) => Flags.string({summary, helpValue, helpGroup: 'MEASUREMENT'})

/** a profiler writes a row per launch and metric */
const largestPoints = 128 * 2 ** 20

/** A saved analysis, as it was read: its page goes on from there. */
interface Saved {
  readonly analysis: Analysis
  readonly page: import('./shared/document.ts').Saved
}

/**
 * The measurement that the flags give: a mistake in it is one in a flag.
 * @throws AnalysisError `bad-flag`
 */
function measuredPoint(given: Readonly<Record<string, string | undefined>>): Points['points'][number] {
  try {
    return pointOf(given, 'the measurement', 'measurement', false, [
      'for example --flops "137 GFLOP" --bytes "100 MB" --seconds "3 ms"',
    ])
  } catch (error) {
    if (!(error instanceof AnalysisError) || error.code !== 'bad-points') throw error
    throw new AnalysisError('bad-flag', error.message.replace('the measurement: ', '--'), error.suggestions)
  }
}

const machineOf = ({machine}: Analysis): Machine => ({
  id: machine.id,
  name: machine.name,
  identity: {},
  ...(machine.memory === null ? {} : {memory: {capacity: machine.memory}}),
  ceilings: machine.ceilings,
})

export default class Place extends BaseCommand {
  static override summary = 'Put measurements made elsewhere under the roof'
  static override description =
    "--points reads CSV or JSON with name, flops, bytes, seconds; the CSV of Nsight Compute (ncu --csv --page raw); and the output of likwid-perfctr and likwid-bench. --join puts points that are named after an analysis's operators beside their prediction; seconds are of one instance, and a CSV or JSON then needs no flops and bytes."
  static override examples = [
    '<%= config.bin %> place --flops "137 GFLOP" --bytes "100 MB" --seconds "3 ms" --machine h100-sxm --dtype bf16',
    '<%= config.bin %> place --points measured.csv --machine h100-sxm --dtype bf16 --report points.html',
    '<%= config.bin %> place --points kernels.csv --join analysis.json --report measured.html',
  ]
  static override flags = {
    flops: measured('work done', '"137 GFLOP"'),
    bytes: measured('bytes moved', '"100 MB"'),
    seconds: measured('time taken', '"3 ms"'),
    name: measured('what was measured', 'NAME'),
    points: measured('many at once: CSV, JSON, Nsight Compute, likwid; - for standard input', 'FILE'),
    join: measured('an analysis (JSON or page) whose operators the points are named after', 'DOC'),
    dtype: Flags.option({
      options: dtypeNames,
      summary: "number format computed in (default f32; with --join the analysis's own)",
      helpGroup: 'MEASUREMENT',
    })(),
    engine: Flags.option({
      options: ['matrix', 'vector'] as const,
      summary: 'which units computed',
      helpGroup: 'MEASUREMENT',
    })(),
    level: Flags.option({
      options: ['L1', 'L2', 'L3', 'DRAM'] as const,
      summary: 'memory level of the bytes (default the outermost)',
      helpGroup: 'MEASUREMENT',
    })(),
    machine: oneMachine,
    ...reportFlag,
  }

  async run(): Promise<void> {
    const {flags} = await this.read(Place)
    const {flops, bytes, seconds, name, points: file, dtype, engine, level} = flags
    const figures = Object.entries({flops, bytes, seconds})
    const absent = figures.flatMap(([flag, value]) => (value === undefined ? [`--${flag}`] : []))
    if (file !== undefined ? absent.length < figures.length : absent.length > 0)
      throw new AnalysisError(
        'bad-flag',
        file !== undefined
          ? '--points and --flops, --bytes, --seconds exclude one another'
          : `one measurement needs --flops, --bytes and --seconds: ${absent.join(' and ')} ${absent.length === 1 ? 'is' : 'are'} missing`,
        ['give --flops, --bytes and --seconds, or --points FILE'],
      )
    const saved = flags.join === undefined ? undefined : await this.analysis(flags.join, flags.machine)
    const read: Points =
      file !== undefined
        ? parsePoints(
            await readInput(file, 'a file of points', largestPoints),
            file === '-' ? 'standard input' : file,
            {level, joined: saved !== undefined},
          )
        : {
            points: [measuredPoint({flops, bytes, seconds, ...(name === undefined ? {} : {name})})],
            warnings: [],
          }
    for (const warning of read.warnings) this.remark(warning)
    const machine = saved ? machineOf(saved.analysis) : await findMachine(flags.machine ?? 'local', this)
    const {result, warnings} = place(read.points, machine, {dtype, engine, level, join: saved?.analysis})
    for (const warning of warnings) this.remark(warning)
    if (flags.report !== undefined) await this.page(flags.report, result, saved)
    await this.answer({
      schema: 'placement@1',
      result,
      text: async (look) =>
        (await import('../../reports/text/placement.ts')).placementText(result, {...look, chart: this.isTerminal}),
      sheets: async () => (await import('../../reports/text/placement.ts')).placementSheets(result),
      next: flags.report === undefined ? 'perf place … --report points.html' : 'perf explain roofline',
    })
  }

  /** @throws AnalysisError `bad-document` where the document is no analysis, `bad-flag` for another machine */
  private async analysis(path: string, machine: string | undefined): Promise<Saved> {
    const [{readPage}, {readComparable}] = await Promise.all([
      import('./shared/document.ts'),
      import('../analysis/compare.ts'),
    ])
    const page = await readPage(path)
    const document = await readComparable(page.document, path)
    if (document.kind !== 'analysis')
      throw new AnalysisError('bad-document', `${path} is a ${document.kind}; --join needs an analysis`, [
        'save one with `perf analyze MODEL --json > analysis.json`',
      ])
    const {result} = document
    if (machine !== undefined && machine !== result.machine.id)
      throw new AnalysisError(
        'bad-flag',
        `--machine ${machine}: the analysis that --join names is of ${result.machine.id}`,
        ['leave --machine out', `analyze again with --machine ${machine}`],
      )
    return {analysis: result, page}
  }

  /** The page of the points alone, or the page of the analysis with the points in it. */
  private async page(path: string, result: Placement, saved: Saved | undefined): Promise<void> {
    const {writeReport} = await import('./shared/report.ts')
    if (saved) {
      const {readDocument} = await import('../../reports/document.ts')
      const extras = {...saved.page.extras, placement: {points: result.points, join: result.join}}
      await writeReport('--report', path, readDocument(saved.page.document), extras)
    } else {
      const document = {schema: 'ridgepoint/placement@1', ok: true as const, result, warnings: this.warnings}
      await writeReport('--report', path, document)
    }
    this.say(`wrote ${path}`)
  }
}
