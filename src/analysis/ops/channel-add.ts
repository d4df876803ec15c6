import {gradientOf, vectorPart} from '../training/rules.ts'
import {type ChannelScaleDims, channelScale} from './channel-scale.ts'
import type {OpDef} from './types.ts'

export const channelAdd: OpDef<'channel-add', ChannelScaleDims> = {
  ...channelScale,
  kind: 'channel-add',
  title: 'adds to each channel of each sample a number of its own',
  source: 'Ho, Jain & Abbeel 2020, DDPM (arXiv:2006.11239) appendix B: the time embedding in each residual block',
  cost: (d) => {
    const cost = channelScale.cost(d)
    return {...cost, reads: [cost.reads[0]!, {...cost.reads[1]!, name: 'shift'}]}
  },
  reference: ({positions}, [x, s]) => [x!.map((value, i) => value + s![Math.floor(i / positions)]!)],
  // dx = dy itself; the number added takes the sum over the positions
  backward({batch, channels, positions}) {
    const n = batch * channels * positions
    return {
      data: vectorPart('batch·channels·positions', n, {
        reads: [gradientOf(0, n)],
        writes: [{at: 1, elements: batch * channels}],
      }),
      weights: null,
      passes: [0],
    }
  },
  examples: [
    {
      dims: {batch: 1, channels: 320, positions: 64 * 64},
      flops: 1_310_720,
      bytes: 10_487_040,
      source: 'Stable Diffusion 1.5 U-Net, first block: 320·4,096; 4 B × (2·1,310,720 + 320)',
    },
  ],
}
