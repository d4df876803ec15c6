/**
 * Output of `likwid-perfctr`: CSV (`-O`) and ASCII tables, whole programs and marker regions, groups FLOPS_*, MEM, MEM_*. Format: likwid
 * 5.2, `printOutput` in applications/likwid.lua (records STRUCT and TABLE; `Region NAME, Group N: GROUP` above the tables) and the metric
 * names in groups/<architecture>/*.txt. Tables that end in STAT repeat the columns of the threads and are passed over.
 */
import type {Warning} from '../../errors.ts'
import {show} from '../show.ts'
import {
  distinct,
  fail,
  limits,
  type Point,
  type PointFormat,
  type PointOptions,
  type Points,
  tidyName,
} from './shared.ts'

const collect = [
  'measure FLOPs and bytes together: likwid-perfctr -O -g MEM_SP (or MEM_DP) -C 0-1 -m PROGRAM, or two groups: -g FLOPS_SP -g MEM',
]

/** One group of one region (or of the whole program): a metric's values, one per hardware thread. */
interface Group {
  readonly region: string
  readonly group: string
  readonly line: number
  readonly metrics: Map<string, number[]>
}

const csvTable = /^TABLE,(?:Region (.*),)?Group \d+ (Raw|Metric)( STAT)?,([^,\r\n]*),/m
const asciiTable = /^\| +Metric +\|/m

/** A value of a table; `-` and `nan` are counters that were not there. */
function numberOf(text: string, where: string, metric: string): number | undefined {
  const plain = text.trim()
  if (plain === '-' || plain === '' || /^-?nan$/i.test(plain)) return undefined
  const value = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain) ? Number(plain) : Number.NaN
  if (!Number.isFinite(value) || value < 0)
    fail(where, `${metric} ${show(plain)} is not a number 0 or more`, [
      'run likwid-perfctr again: a counter overflowed or is not there',
    ])
  return value
}

const isFigure = (metric: string): boolean =>
  /^(call count|R(DTSC R)?untime.*\[s\]|((SP|DP|HP) )?\[?MFLOP\/s\]?|(Memory|L[123]).* (data volume|bandwidth) \[[MG]Bytes(\/s)?\])$/.test(
    metric,
  )

/** Tables of either form as groups; rows that are no figures of a roofline are passed over. */
function groupsOf(text: string, origin: string): Group[] {
  const groups: Group[] = []
  const csv = csvTable.test(text)
  let current: Group | undefined
  let columns = 0
  let skip = false
  let line = 0
  const begin = (region: string | undefined, group: string): Group => {
    const name = tidyName(region ?? '', 'whole program')
    let found = groups.at(-1)
    if (found?.region !== name || found.group !== group) {
      if (groups.length > 4 * limits.points) fail(origin, `has more than ${limits.points} regions`, collect)
      found = {region: name, group, line, metrics: new Map()}
      groups.push(found)
    }
    return found
  }
  for (const row of text.split(/\r?\n/)) {
    line++
    let cells: string[]
    if (csv) {
      const table = csvTable.exec(row)
      if (table) {
        skip = table[3] !== undefined
        current = begin(table[1], table[4]!)
        columns = 0
        continue
      }
      if (row.startsWith('STRUCT,')) current = undefined
      cells = row.split(',')
      // rows are filled up with empty cells to the width of the widest table
      while (cells.length > 1 && cells.at(-1) === '') cells.pop()
    } else {
      const title = /^(?:Region (.*), )?Group \d+: (\S+)\s*$/.exec(row)
      if (title) {
        current = begin(title[1], title[2]!)
        continue
      }
      if (!row.startsWith('|')) continue
      cells = row.split('|').slice(1, -1)
    }
    const metric = cells[0]?.trim() ?? ''
    if (/^(Region Info|Metric|Event)$/.test(metric)) {
      if (!csv) skip = cells.slice(1).some((cell) => cell.trim() === 'Sum')
      columns = metric === 'Event' ? 0 : cells.length
      continue
    }
    if (!current || skip || columns === 0 || !isFigure(metric)) continue
    const where = `${origin}: line ${line}`
    if (cells.length !== columns)
      fail(
        where,
        `${metric} has ${cells.length - 1} values for ${columns - 1} hardware threads: the file is cut off`,
        collect,
      )
    current.metrics.set(
      metric,
      cells.slice(1).map((cell) => numberOf(cell, where, metric) ?? Number.NaN),
    )
  }
  return groups
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const has = (values: readonly number[] | undefined): values is number[] => values?.some(Number.isFinite) === true
const finite = (values: readonly number[]): number[] => values.map((value) => (Number.isFinite(value) ? value : 0))

/** Seconds of each thread in the group: of the region where there is one. */
function secondsOf({metrics}: Group): number[] | undefined {
  return [metrics.get('RDTSC Runtime [s]'), metrics.get('Runtime (RDTSC) [s]')].find(has)
}

/** FLOPs of all threads: each thread's rate times its time, all precisions. Rates of a subset (AVX, packed) repeat part of them. */
function flopsOf(group: Group, seconds: readonly number[]): number | undefined {
  const rates = [...group.metrics].filter(
    ([name, values]) => /^((SP|DP|HP) )?\[?MFLOP\/s\]?$/.test(name) && has(values),
  )
  if (rates.length === 0) return undefined
  return sum(rates.map(([, values]) => sum(finite(values).map((rate, i) => rate * 1e6 * (seconds[i] ?? 0)))))
}

/** Bytes at a level: its data volume, of one socket on one of its threads. */
function bytesOf({metrics}: Group, level: NonNullable<PointOptions['level']>): number | undefined {
  const prefix = level === 'DRAM' ? 'Memory' : level
  const whole = metrics.get(`${prefix} data volume [GBytes]`)
  if (has(whole)) return sum(finite(whole)) * 1e9
  const parts = [...metrics].filter(
    ([name, values]) =>
      name.startsWith(prefix) && /(read|write|load|evict) data volume \[GBytes\]$/.test(name) && has(values),
  )
  return parts.length > 0 ? sum(parts.map(([, values]) => sum(finite(values)))) * 1e9 : undefined
}

interface Figures {
  flops?: {value: number; seconds: number; group: string}
  bytes?: {value: number; seconds: number; group: string}
  seconds: number
  calls: number
  line: number
}

function figuresOf(groups: readonly Group[], origin: string, options: PointOptions): Map<string, Figures> {
  const regions = new Map<string, Figures>()
  for (const group of groups) {
    if (group.metrics.size === 0) continue
    const times = secondsOf(group)
    const where = `${origin}: line ${group.line}: ${group.region}`
    const seconds = times ? Math.max(...finite(times)) : 0
    if (!times || !(seconds > 0)) fail(where, 'Runtime (RDTSC) [s] is missing or 0', collect)
    const flops = flopsOf(group, finite(times!))
    const bytes = bytesOf(group, options.level ?? 'DRAM')
    const calls = group.metrics.get('call count')
    const own: Figures = regions.get(group.region) ?? {
      seconds,
      calls: calls ? Math.max(1, ...finite(calls)) : 1,
      line: group.line,
    }
    if (flops !== undefined && !own.flops) {
      own.flops = {value: flops, seconds, group: group.group}
      own.seconds = seconds
    }
    if (bytes !== undefined && !own.bytes) own.bytes = {value: bytes, seconds, group: group.group}
    regions.set(group.region, own)
  }
  return regions
}

function parse(text: string, origin: string, options: PointOptions): Points {
  const regions = figuresOf(groupsOf(text, origin), origin, options)
  if (regions.size === 0) fail(origin, 'has no table of metrics', collect)
  if (regions.size > limits.points) fail(origin, `has more than ${limits.points} regions`, collect)
  const warnings: Warning[] = []
  const joinedGroups = new Set<string>()
  const level = options.level ?? 'DRAM'
  const points = [...regions].map(([region, {flops, bytes, seconds, calls, line}]): Point => {
    const missing = [
      ...(flops ? [] : ['a rate in MFLOP/s']),
      ...(bytes ? [] : [`${level === 'DRAM' ? 'Memory' : level} data volume [GBytes]`]),
    ]
    const where = `${origin}: line ${line}: ${region.slice(0, 80)}`
    if (missing.length > 0 && !options.joined)
      fail(where, `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`, collect)
    if (flops && bytes && flops.group !== bytes.group) joinedGroups.add(`${flops.group} and ${bytes.group}`)
    // two groups run at two times: the bytes are those of the time that the FLOPs took
    const moved = bytes ? (bytes.value * seconds) / bytes.seconds : null
    if (flops?.value === 0 && moved === 0) fail(where, 'FLOPs and bytes are both 0: there is nothing to place', collect)
    return {
      name: region,
      flops: flops ? flops.value / calls : null,
      bytes: moved === null ? null : moved / calls,
      seconds: seconds / calls,
      ...(calls > 1 ? {count: calls} : {}),
    }
  })
  for (const groups of joinedGroups)
    warnings.push({
      code: 'two-groups',
      message: `${groups} were counted one after the other: bytes are taken at the rate of their group.`,
    })
  return {points: distinct(points), warnings}
}

export const likwidPerfctr: PointFormat = {
  id: 'likwid-perfctr',
  title: 'likwid-perfctr CSV or tables',
  sniff: (text) => csvTable.test(text) || asciiTable.test(text),
  parse,
}
