/** Saved documents of every kind, shown again: as a table or text, and as a page where there is something to draw. */
import type {Extras} from '../../../reports/live/source.ts'
import type {Printed} from '../../../reports/text/sheet.ts'
import type {Bench, BenchKernel, FusedPair} from '../../analysis/document/bench.ts'
import type {DocumentKind} from '../../analysis/document/index.ts'
import type {CommandList, List, ModelFacts, SettingsList} from '../../analysis/document/list.ts'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import type {Answer} from './base.ts'
import {changesAnswer} from './changes.ts'
import {oneSheet} from './list.ts'
import type {Page} from './report.ts'
import {benchPage} from './report.ts'
import {machineAnswer} from './show.ts'

/** A document that is no analysis: those have their rows chosen, and are shown by `perf report` itself. */
export interface Kept {
  readonly answer: Answer
  readonly warnings: readonly Warning[]
  /** what its page embeds, given the machine that kernels stand under; kinds without a picture throw `bad-flag` */
  page(machine: () => Promise<Machine>): Promise<Page>
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | {success: true; data: T}
    | {success: false; error: {issues: readonly {path: readonly PropertyKey[]; message: string}[]}}
}

/** @throws AnalysisError `bad-document` naming the first field that is wrong */
function parse<T>(schema: Schema<T>, value: unknown, origin: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new AnalysisError('bad-document', `${origin}: ${issue.path.join('.') || 'the document'}: ${issue.message}`, [
    'the document was edited, or written by another version',
  ])
}

const kindOf = (value: unknown): string => {
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined
  return typeof schema === 'string' ? schema.replace(/^ridgepoint\//, '').slice(0, 60) : ''
}

/** Nothing to draw: what can be done instead. */
const undrawn =
  (origin: string, kind: string, ...instead: string[]) =>
  async () => {
    throw new AnalysisError('bad-flag', `${origin} is a ${kind} document: it has no page and no picture`, [
      ...instead,
      `perf report ${origin} --format markdown (or text, csv, json)`,
    ])
  }

/** A whole run as `npm run bench:results` keeps it: kernels, and the machine that they ran on. */
const isRun = (value: unknown): value is {kernels: unknown; machine: unknown} =>
  typeof value === 'object' && value !== null && !('schema' in value) && 'kernels' in value && 'machine' in value

/** Sides of pairs stand among a run's kernels: an unfused one names its parts, which an entry by itself does not have. */
const asEntries = (kernels: unknown): unknown =>
  Array.isArray(kernels)
    ? kernels.map((kernel: unknown) => {
        if (typeof kernel !== 'object' || kernel === null || !('parts' in kernel)) return kernel
        const {parts: _, ...entry} = kernel
        return entry
      })
    : kernels

async function keptRun(value: {kernels: unknown; machine: unknown}, origin: string): Promise<Kept> {
  const [{benchSchema}, {machineSchema}] = await Promise.all([
    import('../../analysis/document/bench.ts'),
    import('../../analysis/document/machine.ts'),
  ])
  const result = parse(benchSchema, {kernels: asEntries(value.kernels)}, origin)
  const machine = parse(machineSchema, value.machine, `${origin}, machine`)
  return {
    warnings: [],
    answer: benchAnswer(result),
    page: () => benchPage({kernels: result.kernels, machine, warnings: []}),
  }
}

const benchAnswer = (result: Bench): Answer => {
  const text = () => import('../../../reports/text/bench.ts')
  return {
    schema: 'bench@1',
    result,
    text: async (look) => (await text()).benchText(result, look),
    sheets: async () => (await text()).benchSheets(result),
  }
}

/** The sheet of a list of whatever kind. */
async function listSheets(result: List | ModelFacts | SettingsList | CommandList): Promise<Printed> {
  switch (result.kind) {
    case 'model': {
      const {factSheet} = await import('../../../reports/text/sheets/facts.ts')
      return factSheet(result.items[0]!)
    }
    case 'settings': {
      const [{settingsSheet}, {print}] = await Promise.all([
        import('../../../reports/text/sheets/settings.ts'),
        import('../../../reports/text/sheet.ts'),
      ])
      return print(settingsSheet(result.items))
    }
    default:
      return (await import('../../../reports/text/sheets/lists.ts')).listSheet(result)
  }
}

/**
 * Reads a document of a kind that is not an analysis.
 * @param extras what its page embeds beside it
 * @returns `undefined` for an analysis, and for what no command prints: the caller says what is wrong with it
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export async function readKept(value: unknown, origin: string, extras: Extras): Promise<Kept | undefined> {
  const kind = kindOf(value)
  if (isRun(value)) return keptRun(value, origin)
  if (kind === '' || kind === 'analysis@1') return undefined
  const {documents} = await import('../../analysis/document/index.ts')
  const bench = (kernels: readonly BenchKernel[], warnings: readonly Warning[], pairs?: readonly FusedPair[]) => {
    return async (machine: () => Promise<Machine>) =>
      benchPage({kernels, machine: await machine(), warnings, ...(pairs ? {pairs} : {})})
  }
  switch (kind as DocumentKind) {
    case 'placement@1': {
      const document = parse(documents['placement@1'], value, origin)
      const {result, warnings} = document
      const text = () => import('../../../reports/text/placement.ts')
      return {
        warnings,
        answer: {
          schema: kind,
          result,
          text: async (look) => (await text()).placementText(result, {...look, chart: false}),
          sheets: async () => (await text()).placementSheets(result),
        },
        page: async () => ({document, extras}),
      }
    }
    case 'bench@1': {
      const {result, warnings} = parse(documents['bench@1'], value, origin)
      return {warnings, answer: benchAnswer(result), page: bench(result.kernels, warnings)}
    }
    case 'comparison@1': {
      const {result, warnings} = parse(documents['comparison@1'], value, origin)
      if (result.kind === 'fused') {
        const text = () => import('../../../reports/text/fused.ts')
        const kernels = result.pairs.flatMap(({unfused, fused}) => [unfused, fused])
        return {
          warnings,
          answer: {
            schema: kind,
            result,
            text: async (look) => (await text()).fusedText(result, look),
            sheets: async () => (await text()).fusedSheets(result),
          },
          page: bench(kernels, warnings, result.pairs),
        }
      }
      return {
        warnings,
        answer: changesAnswer(result, false),
        page: undrawn(
          origin,
          kind,
          'perf compare BEFORE AFTER --report FILE.html, with the documents that it compared',
        ),
      }
    }
    case 'machine@1': {
      const document = parse(documents['machine@1'], value, origin)
      const {result, warnings} = document
      return {
        warnings,
        answer: machineAnswer(result, `perf machine add ${origin}`),
        page: async () => ({document, extras}),
      }
    }
    case 'sweep@1': {
      const {result, warnings} = parse(documents['sweep@1'], value, origin)
      const text = () => import('../../../reports/text/sweep.ts')
      return {
        warnings,
        answer: {
          schema: kind,
          result,
          text: async (look) => (await text()).sweepText(result, look),
          sheets: async () => (await text()).sweepSheets(result),
        },
        page: undrawn(origin, kind, 'perf analyze MODEL --report FILE.html draws the sweep over the batch'),
      }
    }
    case 'check@1': {
      const {result, warnings} = parse(documents['check@1'], value, origin)
      const text = () => import('../../../reports/text/check.ts')
      return {
        warnings,
        answer: {
          schema: kind,
          result,
          text: async (look) => (await text()).checkText(result, look),
          sheets: async () => (await text()).checkSheets(result),
        },
        page: undrawn(origin, kind, 'perf compare BEFORE AFTER --report FILE.html, with the documents that it checked'),
      }
    }
    case 'explain@1': {
      const {result, warnings} = parse(documents['explain@1'], value, origin)
      const text = () => import('../../../reports/text/explain.ts')
      return {
        warnings,
        answer: {
          schema: kind,
          result,
          text: async (look) => (await text()).explainText(result, look),
          sheets: async () => (await text()).explainSheets(result),
        },
        page: undrawn(origin, kind),
      }
    }
    case 'doctor@1': {
      const {result, warnings} = parse(documents['doctor@1'], value, origin)
      const text = () => import('../../../reports/text/doctor.ts')
      return {
        warnings,
        answer: {
          schema: kind,
          result,
          text: async (look) => (await text()).doctorText(result, look),
          sheets: async () => (await text()).doctorSheets(result),
        },
        page: undrawn(origin, kind),
      }
    }
    case 'list@1': {
      const {result, warnings} = parse(documents['list@1'], value, origin)
      const title = `${result.kind.slice(0, 1).toUpperCase()}${result.kind.slice(1)}`
      return {
        warnings,
        answer: {schema: kind, result, ...oneSheet(title, () => listSheets(result))},
        page: undrawn(origin, kind),
      }
    }
    case 'error@1':
      throw new AnalysisError(
        'bad-document',
        `${origin} is a document of ridgepoint/error@1: the command that wrote it failed`,
        ['mend what it says and run that command again'],
      )
    default:
      return undefined
  }
}
