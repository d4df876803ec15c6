/** Random transformers of every kind the architecture can express: windows, mixtures, latent attention, caps, sinks. */
import fc from 'fast-check'
import type {LayerGroup, TransformerSpec} from '../../../src/analysis/architectures/transformer.ts'
import {anySpec} from './workloads.ts'

const group: fc.Arbitrary<Omit<LayerGroup, 'name'>> = fc
  .record({
    layers: fc.integer({min: 1, max: 3}),
    window: fc.option(fc.integer({min: 1, max: 12}), {nil: undefined}),
    chunk: fc.option(fc.integer({min: 1, max: 12}), {nil: undefined}),
    positionless: fc.boolean(),
    dense: fc.boolean(),
  })
  .map(({window, chunk, ...rest}) => ({
    ...rest,
    ...(window !== undefined ? {window} : chunk !== undefined ? {chunk} : {}),
  }))

const mixture: fc.Arbitrary<NonNullable<TransformerSpec['mixture']>> = fc
  .record({
    experts: fc.integer({min: 1, max: 5}),
    topK: fc.integer({min: 1, max: 5}),
    ffn: fc.integer({min: 1, max: 9}),
    sharedFfn: fc.nat(4),
    gate: fc.constantFrom('softmax' as const, 'softmax-chosen' as const, 'sigmoid' as const),
    normalized: fc.boolean(),
    selectionBias: fc.boolean(),
    routerBias: fc.boolean(),
    expertBias: fc.boolean(),
    factor: fc.option(fc.constantFrom(1, 1.25, 2), {nil: undefined}),
  })
  .map(({factor, ...spec}) => ({
    ...spec,
    topK: Math.min(spec.topK, spec.experts),
    ...(factor === undefined ? {} : {capacityFactor: factor}),
  }))

const latent: fc.Arbitrary<NonNullable<TransformerSpec['latent']>> = fc.record({
  queryRank: fc.nat(5),
  rank: fc.integer({min: 1, max: 6}),
  nopeDim: fc.integer({min: 1, max: 5}),
  ropeDim: fc.integer({min: 1, max: 3}).map((n) => 2 * n),
  valueDim: fc.integer({min: 1, max: 6}),
})

export const anyFamily: fc.Arbitrary<TransformerSpec> = fc
  .record({
    base: anySpec,
    groups: fc.array(group, {minLength: 1, maxLength: 3}),
    placement: fc.constantFrom('pre' as const, 'post' as const, 'both' as const),
    positions: fc.constantFrom('learned' as const, 'rope' as const, 'alibi' as const),
    qkNorm: fc.constantFrom(undefined, 'rmsnorm' as const, 'l2' as const),
    softcap: fc.option(fc.record({scores: fc.boolean(), logits: fc.boolean()}), {nil: undefined}),
    flags: fc.record({sinks: fc.boolean(), embeddingScale: fc.boolean(), parallel: fc.boolean()}),
    mixture: fc.option(mixture, {nil: undefined}),
    latent: fc.option(latent, {nil: undefined}),
  })
  .map(({base, groups, placement, positions, qkNorm, softcap, flags, mixture, latent}) => ({
    ...base,
    causal: true,
    normPlacement: placement,
    positionEncoding: positions,
    groups: groups.map((one, i) => ({...one, name: `kind${i}`})),
    ...flags,
    ...(qkNorm ? {qkNorm} : {}),
    ...(softcap ? {softcap} : {}),
    ...(mixture ? {mixture} : {}),
    ...(latent ? {latent} : {}),
  }))
