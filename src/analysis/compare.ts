/** Two analyses, or two machines, side by side: what changed, and whether the change means anything. */
import type {Analysis} from './document/analysis.ts'
import type {Change, Comparison, Side} from './document/comparison.ts'
import type {Ceiling, Machine} from './document/machine.ts'
import {AnalysisError, type Warning} from './errors.ts'
import {type Group, groupOperators} from './matched.ts'
import {format, formatShare} from './units.ts'

/** Analyses are exact: a change above 0.1 % is a change of the model, the machine or the tool, not of the weather. */
export const EXACT = 0.001

/** A measured ceiling counts as reached within 2 % of its best, so two of them may differ by as much without meaning it. */
const NOISE_FLOOR = 0.02

/** Standard deviations of the difference below which two measurements agree (95 % of a normal distribution). */
const SIGMAS = 2

/** A document of one of the two kinds that can be compared. */
export type Comparable = {kind: 'analysis'; result: Analysis} | {kind: 'machine'; result: Machine}

/**
 * How far a ceiling's value itself may be off. A rate is the maximum of its samples: where the verdict is `ok`, three of them lie within
 * 2 % of it, however far a busy neighbour pushed the others down.
 */
const spreadOf = ({kind, verdict, cv = 0}: Ceiling): number =>
  kind !== 'latency' && verdict === 'ok' ? Math.min(cv, CONFIRMED) : cv
const CONFIRMED = 0.02
/** However noisy both were, a rate that loses more than this has fallen: half of the memory channels gone is 50 %. */
export const NOISE_MOST = 0.4

/**
 * The share by which two measurements of one ceiling may differ by noise: two standard deviations of the difference,
 * from each coefficient of variation, at least 2 %; 0.1 % where neither was measured.
 */
export function noiseOf(before: Ceiling, after: Ceiling): number {
  const measured = [before, after].filter((c) => c.provenance.kind === 'measured')
  if (measured.length === 0) return EXACT
  const noise = Math.max(NOISE_FLOOR, SIGMAS * Math.hypot(...measured.map(spreadOf)))
  return after.kind === 'latency' ? noise : Math.min(noise, NOISE_MOST)
}

/** The share by which two measured times may differ by noise; they are minima, as rates are maxima. */
export function timeNoise(...times: readonly {cv?: number; verdict: string}[]): number {
  const spread = times.map(({cv = CONFIRMED, verdict}) => (verdict === 'ok' ? Math.min(cv, CONFIRMED) : cv))
  return Math.min(NOISE_MOST, Math.max(NOISE_FLOOR, SIGMAS * Math.hypot(...spread)))
}

const ratioOf = (before: number | null, after: number | null): number | null =>
  before === null || after === null || before === 0 ? null : after / before

function judge(before: number | null, after: number | null, threshold: number): {significant: boolean; reason: string} {
  if (before === null && after === null) return {significant: false, reason: 'in neither'}
  if (before === null) return {significant: true, reason: 'only after'}
  if (after === null) return {significant: true, reason: 'only before'}
  if (before === after) return {significant: false, reason: 'equal'}
  const share = before === 0 ? Number.POSITIVE_INFINITY : Math.abs(after / before - 1)
  const limit = formatShare(threshold)
  return share > threshold
    ? {significant: true, reason: `beyond ${limit}`}
    : {significant: false, reason: `within ${limit}`}
}

interface Metric {
  readonly metric: string
  readonly unit: string
  readonly before: number | null
  readonly after: number | null
}

const change = (subject: string, m: Metric, threshold = EXACT): Change => ({
  id: `${subject}.${m.metric}`,
  subject,
  ...m,
  ratio: ratioOf(m.before, m.after),
  ...judge(m.before, m.after, threshold),
})

/** Levels of memory in either of two records, those of the first in its order. */
const levels = (a: Record<string, number> = {}, b: Record<string, number> = {}) => [
  ...new Set([...Object.keys(a), ...Object.keys(b)]),
]

function totalsChanges(before: Analysis, after: Analysis): Change[] {
  const [a, b] = [before.totals, after.totals]
  const metrics: Metric[] = [
    {metric: 'time', unit: 's', before: a.time.lower, after: b.time.lower},
    {metric: 'upper', unit: 's', before: a.time.upper, after: b.time.upper},
    {metric: 'macs', unit: 'MAC', before: a.macs, after: b.macs},
    {metric: 'flops', unit: 'FLOP', before: a.flops, after: b.flops},
    {metric: 'executedFlops', unit: 'FLOP', before: a.executedFlops, after: b.executedFlops},
    ...levels(a.bytes, b.bytes).map((level) => ({
      metric: `bytes.${level}`,
      unit: 'B',
      before: a.bytes[level] ?? null,
      after: b.bytes[level] ?? null,
    })),
    {metric: 'intensity', unit: 'FLOP/B', before: a.intensity, after: b.intensity},
    {metric: 'memory.weights', unit: 'B', before: a.memory.weights, after: b.memory.weights},
    {metric: 'memory.activations', unit: 'B', before: a.memory.activations, after: b.memory.activations},
    {metric: 'memory.kvCache', unit: 'B', before: a.memory.kvCache, after: b.memory.kvCache},
    {metric: 'memory.peak', unit: 'B', before: a.memory.peak, after: b.memory.peak},
    {metric: 'tokensPerSecond', unit: 'token/s', before: a.tokensPerSecond, after: b.tokensPerSecond},
  ]
  return metrics.map((m) => change('totals', m))
}

type Op = Analysis['operators'][number]

const counted = (n: number, fused: boolean) => `${n} ${fused ? 'kernel' : 'operator'}${n === 1 ? '' : 's'}`

/** What became of the operators of a group, in words; `undefined` where nothing did. */
function becameOf({before, after, onlyBefore, onlyAfter}: Group<Op>): string | undefined {
  if (before.length === 0 || after.length === 0) return undefined
  const isFused = (ops: readonly Op[]) => ops.some((op) => op.fusedFrom.length > 0)
  const same = before.length === 1 && after.length === 1 && before[0]!.id === after[0]!.id
  const lacks = [
    ...(onlyBefore.length > 0 ? [`only before: ${onlyBefore.join(', ')}`] : []),
    ...(onlyAfter.length > 0 ? [`only after: ${onlyAfter.join(', ')}`] : []),
  ]
  if (same && lacks.length === 0) return undefined
  const became = `${counted(before.length, isFused(before))} became ${counted(after.length, isFused(after))}`
  return [...(same ? [] : [became]), ...lacks].join('; ')
}

/**
 * Time, FLOPs and bytes of all instances of each operator. Operators are the same where their ids are the same, or their
 * parts: what one side fuses is compared with the sum of what it was made of.
 */
function operatorChanges(before: Analysis, after: Analysis): Change[] {
  const level = (Object.keys(before.totals.bytes)[0] ?? Object.keys(after.totals.bytes)[0])!
  return groupOperators(before.operators, after.operators).flatMap((group) => {
    const ids = (ops: readonly Op[]) => ops.map(({id}) => id)
    const [olds, news] = [ids(group.before), ids(group.after)]
    // a kernel's id names its parts
    const subject = news.length === 1 ? news[0]! : (olds.length === 1 ? olds : news).join(', ')
    const became = becameOf(group)
    const extra = became === undefined ? {} : {operators: {before: olds, after: news}}
    const sum = (ops: readonly Op[], value: (op: Op) => number) =>
      ops.length === 0 ? null : ops.reduce((all, op) => all + value(op) * op.repeat, 0)
    const row = (metric: string, unit: string, value: (op: Op) => number): Change => {
      const found = change(subject, {metric, unit, before: sum(group.before, value), after: sum(group.after, value)})
      return {...found, ...extra, reason: became === undefined ? found.reason : `${found.reason}; ${became}`}
    }
    return [
      row('time', 's', (op) => op.time.lower),
      row('flops', 'FLOP', (op) => op.flops),
      row(`bytes.${level}`, 'B', (op) => op.bytes[level] ?? 0),
    ]
  })
}

/** Names of ceilings that mean the same on machines of other numbers of threads: all of them are all of them. */
function rolesOf({ceilings}: Machine): (ceiling: Ceiling) => string {
  const most = Math.max(1, ...ceilings.map(({threads = 1}) => threads))
  return ({id, threads}) => (threads === most && most > 1 ? id.replace(/-t\d+$/, '-all') : id)
}

function ceilingChanges(before: Machine, after: Machine): Change[] {
  const byRole = (machine: Machine) => {
    const role = rolesOf(machine)
    return new Map(machine.ceilings.map((c) => [role(c), c]))
  }
  const [olds, news] = [byRole(before), byRole(after)]
  return [...new Set([...olds.keys(), ...news.keys()])].map((role) => {
    const [a, b] = [olds.get(role), news.get(role)]
    const metric = {metric: 'value', unit: (a ?? b)!.unit, before: a?.value ?? null, after: b?.value ?? null}
    const id = a && b && a.id !== b.id ? `${a.id} → ${b.id}` : (b ?? a)!.id
    return change(id, metric, a && b ? noiseOf(a, b) : EXACT)
  })
}

/** Who a document is about. */
export function sideOf(document: Comparable): Side {
  if (document.kind === 'machine') return {id: document.result.id, name: document.result.name, machine: null}
  const {model, machine} = document.result
  return {id: model.id, name: model.name, machine: machine.id}
}

function summaryOf(changes: readonly Change[], kind: Comparable['kind']): string {
  const meant = changes.filter((c) => c.significant)
  if (meant.length === 0) {
    return kind === 'analysis'
      ? `No change above ${formatShare(EXACT)} in ${changes.length} figures.`
      : `No ceiling of ${changes.length} changed beyond its noise.`
  }
  const counted = `${meant.length} of ${changes.length} figures changed`
  if (kind === 'machine') return `${counted} beyond their noise.`
  const time = changes.find((c) => c.id === 'totals.time')!
  const slower = (time.after ?? 0) > (time.before ?? 0)
  const factor =
    time.ratio === null
      ? ''
      : ` (${Number((slower ? time.ratio : 1 / time.ratio).toPrecision(3))} × ${slower ? 'slower' : 'faster'})`
  const same = time.significant ? '' : ', the total time did not'
  const total = `total time ${format(time.before, 's')} → ${format(time.after, 's')}`
  return `${counted}${same}; ${total}${time.significant ? factor : ''}.`
}

/** What makes two analyses answers to different questions, in words. */
export function differences(before: Analysis, after: Analysis): Warning[] {
  const facts = (a: Analysis): Record<string, unknown> => ({
    model: a.model.id,
    machine: a.machine.id,
    ...a.workload,
    dtype: `${a.workload.dtype.weights}/${a.workload.dtype.activations}/${a.workload.dtype.kv}`,
  })
  const [a, b] = [facts(before), facts(after)]
  const unlike = Object.keys(a).filter((key) => a[key] !== b[key])
  if (unlike.length === 0) return []
  return [
    {
      code: 'different-questions',
      message: `the two analyses differ in ${unlike.map((key) => `${key} (${a[key]} → ${b[key]})`).join(', ')}`,
    },
  ]
}

/**
 * Compares two analyses, or two machines.
 * @throws AnalysisError `bad-document` where they are not of one kind
 */
export function compareDocuments(before: Comparable, after: Comparable): {result: Comparison; warnings: Warning[]} {
  const sides = {before: sideOf(before), after: sideOf(after)}
  if (before.kind === 'analysis' && after.kind === 'analysis') {
    const changes = [...totalsChanges(before.result, after.result), ...operatorChanges(before.result, after.result)]
    const result: Comparison = {kind: 'analysis', ...sides, changes, summary: summaryOf(changes, 'analysis')}
    return {result, warnings: differences(before.result, after.result)}
  }
  if (before.kind === 'machine' && after.kind === 'machine') {
    const changes = ceilingChanges(before.result, after.result)
    return {result: {kind: 'machine', ...sides, changes, summary: summaryOf(changes, 'machine')}, warnings: []}
  }
  throw new AnalysisError('bad-document', `${before.kind} and ${after.kind} documents cannot be compared`, [
    'compare two analyses or two machine profiles',
  ])
}

/**
 * Checks that a value is an `analysis@1` or `machine@1` document, as `perf analyze --json` and `perf measure --json` print it.
 * @param value the parsed JSON
 * @param origin what messages call it
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export async function readComparable(value: unknown, origin: string): Promise<Comparable> {
  const kinds = ['ridgepoint/analysis@1', 'ridgepoint/machine@1']
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const schema = isObject && 'schema' in value ? value.schema : undefined
  if (!isObject || typeof schema !== 'string' || !kinds.includes(schema) || !('result' in value)) {
    const save = 'save one with `perf analyze MODEL --json > a.json` or `perf measure --json > m.json`'
    const [, name, version] = /^ridgepoint\/([a-z]+)@(\d+)$/.exec(typeof schema === 'string' ? schema : '') ?? []
    if (name !== undefined && version !== '1')
      throw new AnalysisError(
        'bad-document',
        `${origin}: "schema" is "${schema}", and this version of the tool reads ridgepoint/${name}@1`,
        ['show it with the version that wrote it, or make it again with this one'],
      )
    if (isObject && kinds.some((kind) => kind === schema))
      throw new AnalysisError('bad-document', `${origin}: there is no "result"`, ['the document was edited', save])
    const shown = typeof schema === 'string' ? `"schema" is "${schema.slice(0, 60)}"` : 'there is no "schema"'
    const {documents} = await import('./document/index.ts')
    const isPrinted = Object.hasOwn(documents, `${name}@1`)
    throw new AnalysisError('bad-document', `${origin}: ${shown}: it is none of ${kinds.join(', ')}`, [
      save,
      ...(isPrinted ? [`\`perf report ${origin} --format markdown\` shows what it holds`] : []),
    ])
  }
  const analysis = schema === kinds[0]
  const {analysisSchema, machineSchema} = await schemas()
  const parsed = analysis ? analysisSchema.safeParse(value.result) : machineSchema.safeParse(value.result)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const field = ['result', ...issue.path].join('.')
    throw new AnalysisError('bad-document', `${origin}: ${field}: ${issue.message}`, [
      'the document was edited, or written by another version',
    ])
  }
  return analysis
    ? {kind: 'analysis', result: parsed.data as Analysis}
    : {kind: 'machine', result: parsed.data as Machine}
}

/** Schemas load a library that the start of a command must not pay for. */
async function schemas() {
  const [{analysisSchema}, {machineSchema}] = await Promise.all([
    import('./document/analysis.ts'),
    import('./document/machine.ts'),
  ])
  return {analysisSchema, machineSchema}
}
