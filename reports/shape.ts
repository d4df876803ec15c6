/** Which field of a document has another type than the views expect: the schema's types without the schema, which is too large for a page. */

type Leaf = 'string' | 'number' | 'boolean' | 'any'
/** a leaf, one that may be null (`?`), a list, a record of one kind of value, or an object */
export type Shape = Leaf | `${Leaf}?` | {readonly list: Shape} | {readonly record: Shape} | Fields
export interface Fields {
  readonly fields: {readonly [name: string]: Shape}
}

const article = (kind: string) => `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`

/**
 * The first field that does not fit, in words: `result.operators.3.share is not a number`; `undefined` where all do. Fields that the shape
 * does not name may be anything.
 */
export function misfit(value: unknown, shape: Shape, path: string): string | undefined {
  if (typeof shape === 'string') {
    const kind = shape.replace('?', '')
    if (kind === 'any' || (shape.endsWith('?') && value === null)) return undefined
    // JSON has no other numbers, but a page is anybody's text
    const fits = kind === 'number' ? Number.isFinite(value) : typeof value === kind
    return fits ? undefined : `"${path}" is not ${article(kind)}${shape.endsWith('?') ? ' or null' : ''}`
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) return `"${path}" is not an array`
    for (const [i, item] of value.entries()) {
      const found = misfit(item, shape.list, `${path}.${i}`)
      if (found) return found
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `"${path}" is not an object`
  const record = value as Readonly<Record<string, unknown>>
  const wanted =
    'record' in shape ? Object.keys(record).map((key) => [key, shape.record] as const) : Object.entries(shape.fields)
  for (const [name, inner] of wanted) {
    const found = misfit(Object.hasOwn(record, name) ? record[name] : undefined, inner, `${path}.${name}`)
    if (found) return found
  }
  return undefined
}

const of = (fields: Fields['fields']): Fields => ({fields})
const list = (shape: Shape) => ({list: shape})
const record = (shape: Shape) => ({record: shape})

const time = of({lower: 'number', predicted: 'number?', upper: 'number', reason: 'string'})
const use = of({name: 'string', role: 'string', dtype: 'string', elements: 'number', bytes: 'number'})
const counts = {
  macs: 'number',
  flops: 'number',
  executedFlops: 'number',
  special: 'number',
  bytes: record('number'),
} as const
const side = of({bytes: 'number', intensity: 'number?', time: 'number', bound: 'string?'})

const ceilings = list(
  of({
    ...{id: 'string', kind: 'string', value: 'number', unit: 'string'},
    provenance: of({kind: 'string', source: 'string', date: 'string'}),
  }),
)

const machineShape: Shape = of({id: 'string', name: 'string', memory: 'number?', ceilings})

/** `machine@1` */
export const profileShape: Shape = of({id: 'string', name: 'string', identity: record('any'), ceilings})

/** `analysis@1` */
export const analysisShape: Shape = of({
  model: of({
    ...{id: 'string', name: 'string', source: 'string'},
    parameters: of({total: 'number', active: 'number', embedding: 'number'}),
  }),
  workload: of({
    ...{phase: 'string', batch: 'number', seq: 'number', context: 'number', logits: 'string'},
    dtype: of({weights: 'string', activations: 'string', kv: 'string'}),
    ...{fusion: 'string', count: 'number', tp: 'number'},
  }),
  machine: machineShape,
  operators: list(
    of({
      ...{id: 'string', kind: 'string', repeat: 'number', shape: record('any'), formula: 'string'},
      ...counts,
      ...{reads: list(use), writes: list(use), intensity: 'number?', bound: 'string?', computes: 'string'},
      ...{time, share: 'number', fusedFrom: list('string')},
    }),
  ),
  totals: of({
    ...counts,
    ...{intensity: 'number?', bound: 'string?', time, isBound: 'boolean', complete: 'boolean'},
    memory: of({
      ...{weights: 'number', activations: 'number', kvCache: 'number'},
      ...{gradients: 'number', optimizer: 'number', peak: 'number'},
    }),
    ...{tokensPerSecond: 'number?', samplesPerSecond: 'number?', ttft: 'number?', tpot: 'number?', mfu: 'number?'},
    ...{
      costPerMillionTokens: 'number?',
      currency: 'string?',
      energyPerMillionTokens: 'number?',
      reasons: record('string'),
    },
  }),
  unknown: list(of({op: 'string', count: 'number'})),
  advice: list(of({rule: 'string', operator: 'string?', message: 'string', saves: 'number?'})),
  fusion: of({
    levels: list(
      of({
        ...{fusion: 'string', operators: 'number', bytes: 'number', intensity: 'number?', time},
        ...{activations: 'number', bound: 'string?'},
      }),
    ),
    groups: list(of({id: 'string', parts: list('string'), repeat: 'number', unfused: side, fused: side})),
  }),
  ranking: list(
    of({
      ...{id: 'string', name: 'string', time, bound: 'string?', tokensPerSecond: 'number?', fits: 'boolean?'},
      ...{costPerMillionTokens: 'number?', energyPerMillionTokens: 'number?'},
    }),
  ),
  summary: of({limit: 'string', distance: 'string', first: 'string'}),
  assumptions: list('string'),
})

/** `placement@1` */
export const placementShape: Shape = of({
  machine: machineShape,
  ...{dtype: 'string', level: 'string'},
  roof: of({
    compute: of({id: 'string', value: 'number', unit: 'string'}),
    bandwidth: of({id: 'string', value: 'number', unit: 'string'}),
    ridge: 'number',
  }),
  points: list(
    of({
      ...{name: 'string', flops: 'number', bytes: 'number', seconds: 'number', intensity: 'number?'},
      ...{attainable: 'number?', achieved: 'number?', bandwidth: 'number?', least: 'number'},
      ...{efficiency: 'number', bound: 'string', verdict: 'string'},
    }),
  ),
})

export const warningsShape: Shape = list(of({code: 'string', message: 'string'}))
