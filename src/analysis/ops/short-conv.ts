import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, kv, type OpDef, output, weight} from './types.ts'

export type ShortConvDims = {
  readonly batch: number
  readonly seq: number
  readonly channels: number
  readonly taps: number
  readonly bias: boolean
}

export const shortConv: OpDef<'short-conv', ShortConvDims> = {
  kind: 'short-conv',
  title: 'a causal convolution of each channel with a few taps; the last taps − 1 inputs are kept as state',
  trait: 'rowwise',
  formula: '2·batch·seq·channels·taps + bias·batch·seq·channels',
  where:
    'one filter per channel: no matrix engine takes it; the state of batch·channels·(taps − 1) is read and written',
  source: 'Dao & Gu 2024 (arXiv:2405.21060) §7.1; Gu & Dao 2023 (arXiv:2312.00752) figure 3',
  cost({batch, seq, channels, taps, bias}) {
    const macs = batch * seq * channels * taps
    const flops = 2 * macs + (bias ? batch * seq * channels : 0)
    const state = batch * channels * (taps - 1)
    const reads = [input('x', batch * seq * channels), weight('w', channels * taps), kv('state', state)]
    if (bias) reads.push(weight('bias', channels))
    return {
      macs,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads,
      writes: [output('y', batch * seq * channels), kv('state', state)],
    }
  },
  // state and x lie as [batch, tokens, channels], the filters as [channels, taps]
  reference({batch, seq, channels, taps, bias}, [x, w, state, offsets]) {
    const kept = taps - 1
    const y = new Float64Array(batch * seq * channels)
    const next = new Float64Array(batch * channels * kept)
    for (let b = 0; b < batch; b++) {
      // token t of the sequence that begins with the state
      const at = (t: number, c: number) =>
        t < kept ? state![(b * kept + t) * channels + c]! : x![(b * seq + t - kept) * channels + c]!
      for (let c = 0; c < channels; c++) {
        for (let t = 0; t < seq; t++) {
          let sum = bias ? offsets![c]! : 0
          for (let k = 0; k < taps; k++) sum += w![c * taps + k]! * at(t + k, c)
          y[(b * seq + t) * channels + c] = sum
        }
        for (let t = 0; t < kept; t++) next[(b * kept + t) * channels + c] = at(seq + t, c)
      }
    }
    return [y, next]
  },
  // each tap has two factors; the state of the tokens before takes no gradient
  backward({batch, seq, channels, taps, bias}) {
    const n = batch * seq * channels
    const macs = n * taps
    const data = vectorPart('2·batch·seq·channels·taps', 2 * macs, {
      reads: [gradientOf(0, n), ofInput(1, channels * taps)],
      writes: [{at: 0, elements: n}],
    })
    const writes = [{at: 1, elements: channels * taps}]
    if (bias) writes.push({at: 3, elements: channels})
    const formula = '2·batch·seq·channels·taps + bias·batch·seq·channels'
    const reads = [ofInput(0, n), gradientOf(0, n)]
    const weights = vectorPart(formula, 2 * macs + (bias ? n : 0), {reads, writes})
    return {data: {...data, macs}, weights: {...weights, macs}}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, channels: 5376, taps: 4, bias: true},
      flops: 48_384,
      bytes: 279_552,
      source: 'Mamba-2 2.7B, one token: 9·5,376; 4 B × 5,376·(2 + 4 + 1 + 6)',
    },
  ],
}
