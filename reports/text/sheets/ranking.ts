/** Machines ranked for one workload, the fastest first. */
import type {Rank} from '../../../src/analysis/document/analysis.ts'
import {format} from '../../../src/analysis/units.ts'
import type {Sheet} from '../sheet.ts'

export function rankingSheet(ranking: readonly Rank[], currency: string | null): Sheet<Rank> {
  return {
    rows: ranking,
    columns: [
      {title: 'machine', key: 'id', text: (r) => r.id, raw: (r) => r.id, drop: 0},
      {
        title: 'time ≥',
        key: 'time_lower_s',
        text: (r) => format(r.time.lower, 's'),
        raw: (r) => r.time.lower,
        align: 'right',
        drop: 0,
      },
      {
        title: 'tokens/s ≤',
        key: 'tokens_per_second',
        text: (r) => format(r.tokensPerSecond, ''),
        raw: (r) => r.tokensPerSecond,
        align: 'right',
        drop: 1,
      },
      {
        title: 'fits',
        key: 'fits',
        text: (r) => (r.fits === null ? '–' : r.fits ? 'yes' : 'no'),
        raw: (r) => r.fits,
        drop: 2,
      },
      {title: 'bound by', key: 'bound', text: (r) => r.bound ?? '–', raw: (r) => r.bound, drop: 3},
      {
        title: `${currency ?? 'cost'}/Mtok ≥`,
        key: 'cost_per_million_tokens',
        text: (r) => (r.costPerMillionTokens === null ? '–' : r.costPerMillionTokens.toPrecision(3)),
        raw: (r) => r.costPerMillionTokens,
        align: 'right',
        drop: 4,
      },
      {
        title: 'J/Mtok ≥',
        key: 'energy_per_million_tokens_j',
        text: (r) => format(r.energyPerMillionTokens, ''),
        raw: (r) => r.energyPerMillionTokens,
        align: 'right',
        drop: 5,
      },
    ],
  }
}
