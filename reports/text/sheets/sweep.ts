/** Points of a sweep, the places where the bound changes, and what fits. */
import type {Crossing, FitLatency, FitSize, Sweep, SweepRow} from '../../../src/analysis/document/sweep.ts'
import {format, formatCount} from '../../../src/analysis/units.ts'
import type {Sheet} from '../sheet.ts'
import {count, quantity, words, yesNo} from './columns.ts'

/** Whether a sample is a sequence of tokens; else an image or a graph. */
export const isSequence = ({rows}: Sweep): boolean => rows.some(({totals}) => totals.tokensPerSecond !== null)

export function sweepSheet(sweep: Sweep): Sheet<SweepRow> {
  const names = sweep.dimensions.map((d) => d.name)
  const shown = names.length > 0 ? names : (['batch'] as const)
  return {
    rows: sweep.rows,
    columns: [
      ...shown.map((name) => count<SweepRow>(name, name, (r) => r[name])),
      quantity('time ≥', 'time_lower_s', 's', (r) => r.totals.time.lower),
      isSequence(sweep)
        ? quantity('tokens/s ≤', 'tokens_per_second', '', (r: SweepRow) => r.totals.tokensPerSecond, 1)
        : quantity('samples/s ≤', 'samples_per_second', '', (r: SweepRow) => r.totals.samplesPerSecond, 1),
      quantity('FLOPs', 'flops', '', (r) => r.totals.flops, 6),
      quantity('bytes', 'bytes', 'B', (r) => Object.values(r.totals.bytes)[0] ?? null, 5),
      quantity('FLOP/B', 'intensity_flop_per_b', '', (r) => r.totals.intensity, 4),
      words('bound by', 'bound', (r) => r.totals.bound, 2),
      quantity('memory', 'memory_peak_b', 'B', (r) => r.totals.memory.peak, 3),
      yesNo('fits', 'fits', (r) => r.fits),
    ],
  }
}

export function crossingSheet(crossings: readonly Crossing[]): Sheet<Crossing> {
  const fixed = crossings.some((c) => Object.keys(c.fixed).length > 0)
  return {
    rows: crossings,
    columns: [
      words('what', 'operator', (c) => c.operator ?? 'the whole pass'),
      words('size', 'dimension', (c) => c.dimension),
      {
        ...count<Crossing>('at', 'at', (c) => c.at),
        text: (c) => (c.exact ? formatCount(c.at) : `${formatCount(c.from)}…${formatCount(c.at)}`),
      },
      words('from', 'before', (c) => c.before, 1),
      words('to', 'after', (c) => c.after),
      ...(fixed
        ? [
            words<Crossing>(
              'with',
              'fixed',
              (c) =>
                Object.entries(c.fixed)
                  .map(([name, value]) => `${name} ${formatCount(value)}`)
                  .join(', '),
              2,
            ),
          ]
        : []),
    ],
  }
}

export function fitSizeSheet(sizes: readonly FitSize[]): Sheet<FitSize> {
  return {
    rows: sizes,
    columns: [
      words('largest', 'size', (f) => f.size),
      count('value', 'value', (f) => f.value),
      quantity('memory', 'peak_b', 'B', (f) => f.peak, 2),
      words('because', 'reason', (f) => f.reason, 1),
    ],
  }
}

export function fitLatencySheet(limits: readonly FitLatency[]): Sheet<FitLatency> {
  return {
    rows: limits,
    columns: [
      {
        ...words<FitLatency>('under', 'limit', (f) => f.limit),
        text: (f) => `${f.limit.toUpperCase()} ${format(f.seconds, 's')}`,
      },
      count('largest batch', 'batch', (f) => f.batch),
      quantity('time ≥', 'time_s', 's', (f) => f.time, 2),
      words('because', 'reason', (f) => f.reason, 1),
    ],
  }
}
