/** The ceilings of a machine file: each one, and what only all of them together can show. */
import type {Ceiling, Provenance} from '../../document/machine.ts'
import {machines} from '../../machines/index.ts'
import {rateUnit} from '../../units.ts'
import {show} from '../show.ts'
import {
  accumulators,
  ceilingFields,
  dtypes,
  engines,
  kinds,
  levels,
  mixes,
  operations,
  provenances,
  sparsities,
  verdicts,
} from './allowed.ts'
import {
  type At,
  choice,
  day,
  fail,
  get,
  join,
  limits,
  needed,
  nullable,
  number,
  open,
  present,
  quantity,
  refuseSparse,
  sparse,
  text,
} from './fields.ts'

/** FLOP/s, OP/s, B/s, instr/s that some machine may have: what lies outside turns times and ridges into 0 and infinity. */
const rates = [1, 1e24] as const
/** s of a latency, likewise */
const seconds = [1e-15, 1e3] as const

/** Where a ceiling comes from: its own `provenance` (a text or an object), completed by the file's `source` and `date`. */
function provenanceOf(at: At, file: At, sparse: boolean): Provenance {
  const value = get(at, 'provenance')
  const path = join(at.path, 'provenance')
  const own = typeof value === 'string' ? {source: value} : (value ?? {})
  const inner = open(own, at, path, ['kind', 'source', 'date'])
  const source = text(inner, 'source') ?? text(file, 'source')
  const date = day(inner, 'date') ?? day(file, 'date')
  if (source === undefined)
    fail(at, `${path}.source`, 'missing; name the document and page here, or once for the whole file in "source"')
  if (date === undefined)
    fail(at, `${path}.date`, 'missing; write for example "date": "2026-11-21" once for the whole file')
  if (!sparse) refuseSparse(at, `${path}.source`, source)
  return {kind: choice(inner, 'kind', provenances) ?? 'datasheet', source, date}
}

export function ceilingOf(value: unknown, index: number, file: At): Ceiling {
  const at = open(value, file, `ceilings[${index}]`, ceilingFields)
  const kind = needed(at, 'kind', kinds)
  const belongs: Record<string, Ceiling['kind'][]> = {
    engine: ['compute'],
    operation: ['compute'],
    accumulate: ['compute'],
    sparsity: ['compute'],
    mix: ['bandwidth'],
    level: ['bandwidth', 'latency'],
  }
  for (const [key, owners] of Object.entries(belongs))
    if (get(at, key) !== undefined && !owners.includes(kind))
      fail(at, join(at.path, key), `does not belong to a ${kind} ceiling, only to ${owners.join(' and ')}`)
  const engine = kind === 'compute' ? needed(at, 'engine', engines) : undefined
  const dtype = kind === 'compute' ? needed(at, 'dtype', dtypes) : choice(at, 'dtype', dtypes)
  // a memory beside the levels (a workgroup's own) is named by `isa`
  const aside = get(at, 'isa') !== undefined
  const level = kind === 'bandwidth' && !aside ? needed(at, 'level', levels) : choice(at, 'level', levels)
  const mix =
    kind === 'bandwidth' && !(aside && level === undefined)
      ? (choice(at, 'mix', mixes) ?? 'read')
      : choice(at, 'mix', mixes)
  const accumulate = choice(at, 'accumulate', accumulators)
  const sparsity = choice(at, 'sparsity', sparsities)
  const unit = ({compute: rateUnit(dtype), latency: 's', issue: 'instr/s', bandwidth: 'B/s', link: 'B/s'} as const)[
    kind
  ]
  const usual = {
    compute: `${engine}-${dtype}${accumulate === 'f16' ? '-acc16' : ''}${sparsity ? '-sparse' : ''}`,
    bandwidth: `${level?.toLowerCase()}${mix === 'read' ? '' : `-${mix}`}`,
    link: 'link',
    issue: 'issue',
    latency: level === undefined ? 'launch' : `latency-${level.toLowerCase()}`,
  }[kind]
  const id = text(at, 'id', limits.name) ?? usual
  if (!sparsity) refuseSparse(at, join(at.path, 'id'), id)
  const optional = {
    operation: kind === 'compute' ? (choice(at, 'operation', operations) ?? 'fma') : undefined,
    mix,
    dtype,
    accumulate,
    engine,
    sparsity,
    isa: text(at, 'isa', limits.name),
    level,
    threads: number(at, 'threads', 'count'),
    workingSet: number(at, 'workingSet'),
    model: nullable(at, 'model'),
    modelText: text(at, 'modelText'),
    clockHz: nullable(at, 'clockHz'),
    samples: number(at, 'samples', 'count'),
    median: number(at, 'median'),
    min: number(at, 'min'),
    max: number(at, 'max'),
    cv: number(at, 'cv', 'not negative'),
    verdict: choice(at, 'verdict', verdicts),
    reason: text(at, 'reason'),
  }
  const what = kind === 'compute' ? `a compute ceiling of ${dtype}` : `a ${kind} ceiling`
  const rate = quantity(at, 'value', 'unit', unit, what)
  const [least, most] = unit === 's' ? seconds : rates
  if (rate < least || rate > most)
    fail(at, join(at.path, 'value'), `is ${show(rate)} ${unit}, not from ${show(least)} to ${show(most)}`)
  return {id, kind, ...present(optional), value: rate, unit, provenance: provenanceOf(at, file, sparsity !== undefined)}
}

/** The machine as a whole: what one ceiling alone cannot show. */
export function checkCeilings(at: At, ceilings: readonly Ceiling[]): void {
  const seen = new Map<string, number>()
  for (const [index, {id}] of ceilings.entries()) {
    if (seen.has(id)) fail(at, `ceilings[${index}].id`, `${show(id)} is the id of ceilings[${seen.get(id)}] already`)
    seen.set(id, index)
  }
  if (!ceilings.some((c) => c.kind === 'compute' && !c.sparsity))
    fail(
      at,
      'ceilings',
      'no compute ceiling; write for example {"kind": "compute", "engine": "matrix", "dtype": "bf16", "value": "989 TFLOP/s"}',
    )
  if (!ceilings.some((c) => c.kind === 'bandwidth' && c.level === 'DRAM'))
    fail(
      at,
      'ceilings',
      'no DRAM bandwidth; write for example {"kind": "bandwidth", "level": "DRAM", "value": "3.35 TB/s"}',
    )
  for (const [index, inner] of ceilings.entries())
    for (const outer of ceilings) {
      if (inner.kind !== 'bandwidth' || outer.kind !== 'bandwidth') continue
      if (inner.mix !== outer.mix || inner.threads !== outer.threads) continue
      // measured ones carry a verdict of their own, and noise may turn two levels around
      if (inner.provenance.kind === 'measured' && outer.provenance.kind === 'measured') continue
      if (levels.indexOf(inner.level!) < levels.indexOf(outer.level!) && inner.value < outer.value)
        fail(
          at,
          `ceilings[${index}].value`,
          `${inner.level} at ${inner.value} B/s is slower than ${outer.level} at ${outer.value} B/s; an inner level is never slower than an outer one`,
        )
    }
}

/** `h100` of `h100-sxm`, `4090` of `rtx-4090`: the part of an id that names the chip, not its board or memory. */
const chip = (id: string) => id.split('-').find((part) => /\d/.test(part) && !/^\d+gb$/.test(part)) ?? id

/**
 * Refuses a peak that is twice the dense one of a built-in machine with the same chip in its id or name.
 * 1.5 % wide: the L40S data sheet prints 733 sparse beside 362.05 dense, 1.2 % more than twice.
 */
export function checkSparse(at: At, id: string, name: string, ceilings: readonly Ceiling[]): void {
  const family = Object.values(machines).filter((m) =>
    new RegExp(`(?<![a-z0-9])${chip(m.id)}(?![0-9])`).test(`${id} ${name}`.toLowerCase()),
  )
  for (const [index, peak] of ceilings.entries()) {
    // one that says so is a ceiling of its own
    if (peak.kind !== 'compute' || peak.sparsity || peak.provenance.kind === 'measured') continue
    const known = family.flatMap((m) =>
      m.ceilings
        .filter((c) => c.kind === 'compute' && !c.sparsity && c.engine === peak.engine && c.dtype === peak.dtype)
        .filter((c) => !c.accumulate || !peak.accumulate || c.accumulate === peak.accumulate)
        .map((c) => ({machine: m, value: c.value, unit: c.unit})),
    )
    if (known.some((k) => Math.abs(peak.value / k.value - 1) <= 0.006)) continue
    const twice = known.find((k) => Math.abs(peak.value / (2 * k.value) - 1) <= 0.015)
    if (twice)
      sparse(
        at,
        `ceilings[${index}].value`,
        `${peak.value / 1e12} T${peak.unit} is twice the dense ${peak.dtype} peak of ${twice.machine.id}, so it is the sparse one; write "${twice.value / 1e12} T${twice.unit}"`,
        ['for two devices describe one of them and use --count 2'],
      )
  }
}
