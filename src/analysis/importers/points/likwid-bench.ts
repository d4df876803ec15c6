/**
 * Output of `likwid-bench`, one run or several: `Test:`, `Time:`, `Number of Flops:`, `Data volume (Byte):`. Format: likwid 5.2,
 * bench/likwid-bench.c. Bytes are what the kernel loads and stores, whatever level answers; reads for write-allocate are not among them.
 */
import {show} from '../show.ts'
import {distinct, fail, limits, type Point, type PointFormat, type Points, tidyName} from './shared.ts'

const again = ['give the whole output of likwid-bench -t KERNEL -W S0:SIZE:THREADS']
const banner = /^LIKWID MICRO BENCHMARK\s*$/m

const fields = {
  time: /^Time:\s*(.*?)\s*sec\s*$/m,
  flops: /^Number of Flops:\s*(.*?)\s*$/m,
  bytes: /^Data volume \(Byte\):\s*(.*?)\s*$/m,
} as const

function numberOf(run: string, field: keyof typeof fields, where: string): number {
  const text = fields[field].exec(run)?.[1]
  const label = {time: 'Time', flops: 'Number of Flops', bytes: 'Data volume (Byte)'}[field]
  if (text === undefined) return fail(where, `${label} is missing`, again)
  const value = /^\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value) || (field === 'time' && value === 0))
    fail(where, `${label} ${show(text)} is not a number ${field === 'time' ? 'above 0' : '0 or more'}`, again)
  return value
}

function parse(text: string, origin: string): Points {
  const runs = text.split(banner).slice(1)
  if (runs.length > limits.points) fail(origin, `has more than ${limits.points} runs`, again)
  const points = runs.map((run, i): Point => {
    const test = tidyName(/^Test:\s*(.*)$/m.exec(run)?.[1] ?? '', `run ${i + 1}`)
    const size = /^Size \(Byte\):\s*(\d+)\s*$/m.exec(run)?.[1]
    const threads = /^Using (\d+) threads\s*$/m.exec(run)?.[1]
    const where = `${origin}: run ${i + 1} (${test.slice(0, 60)})`
    const set = size && threads ? `, ${size} B, ${threads} ${threads === '1' ? 'thread' : 'threads'}` : ''
    const point = {
      name: tidyName(`${test.slice(0, limits.name - 60)}${set}`, test),
      flops: numberOf(run, 'flops', where),
      bytes: numberOf(run, 'bytes', where),
      seconds: numberOf(run, 'time', where),
    }
    if (point.flops === 0 && point.bytes === 0)
      fail(where, 'FLOPs and bytes are both 0: there is nothing to place', again)
    return point
  })
  return {points: distinct(points), warnings: []}
}

export const likwidBench: PointFormat = {
  id: 'likwid-bench',
  title: 'likwid-bench output',
  sniff: (text) => banner.test(text),
  parse,
}
