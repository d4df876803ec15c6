/** The limits of a machine. */
import type {Ceiling} from '../../../src/analysis/document/machine.ts'
import {format} from '../../../src/analysis/units.ts'
import type {Sheet} from '../sheet.ts'
import {count, quantity, share, words} from './columns.ts'

/** What a ceiling limits, in words. */
function ceilingText({kind, operation, dtype, engine, mix, level, accumulate, sparsity}: Ceiling): string {
  if (kind === 'compute')
    return [engine, dtype, operation, accumulate && `into ${accumulate}`, sparsity && `${sparsity} weights`]
      .filter(Boolean)
      .join(' ')
  if (kind === 'bandwidth') return [level, mix].filter(Boolean).join(' ')
  return [kind, level].filter(Boolean).join(' ')
}

export function ceilingSheet(ceilings: readonly Ceiling[]): Sheet<Ceiling> {
  const measured = ceilings.some((c) => c.provenance.kind === 'measured')
  return {
    rows: ceilings,
    columns: [
      words('id', 'id', (c) => c.id),
      words('limits', 'limits', ceilingText, 2),
      {...quantity<Ceiling>('value', 'value', '', (c) => c.value), text: (c) => format(c.value, c.unit)},
      words('unit', 'unit', (c) => c.unit, 6),
      ...(measured
        ? [
            words<Ceiling>('isa', 'isa', (c) => c.isa ?? null, 3),
            count<Ceiling>('threads', 'threads', (c) => c.threads ?? null, 4),
            {
              ...quantity<Ceiling>('model', 'model', '', (c) => c.model ?? null, 5),
              text: (c: Ceiling) => format(c.model ?? null, c.unit),
            },
            share<Ceiling>('of model', 'of_model', (c) => (c.model ? c.value / c.model : null), 5),
            words<Ceiling>('verdict', 'verdict', (c) => c.verdict ?? null, 1),
            words<Ceiling>('model line', 'model_line', (c) => c.modelText ?? null, 9),
          ]
        : [words<Ceiling>('provenance', 'provenance', (c) => c.provenance.kind, 4)]),
      words('source', 'source', (c) => c.provenance.source, 7),
    ],
  }
}
