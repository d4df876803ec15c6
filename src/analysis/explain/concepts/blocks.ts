import {attentionModel, type BlockModel, convolutionModel, productModel} from '../../block-models.ts'
import {blocksAheadFor, blocksFor} from '../../tiles.ts'
import {format, formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

const MiB = 2 ** 20
const bf16 = 2
/** bytes of an H100's L2 */
const cache = 50 * MiB

export const blocks: Concept = {
  id: 'blocks',
  also: ['tiles', 'tiling', 'blocking'],
  title: 'Blocks (tiles): intensity as a function of what a cache holds at once',
  source: 'Goto & van de Geijn 2008; bounds: Kwasniewski et al. 2019; Chen, Han & Wang 2020; Saha & Ye 2024',
  text() {
    const {ridge} = stage()
    const operators = [
      productModel({m: 2048, n: 14_336, k: 4096}, bf16),
      convolutionModel({channels: 256, filters: 256, height: 14, width: 14, taps: [3, 3], stride: 1}, bf16),
      attentionModel({seq: 2048, headDim: 128}, bf16),
    ]
    const line = (...[first, ...cells]: string[]) =>
      `  ${first!.padEnd(12)}${cells.map((cell) => cell.padStart(13)).join('')}`
    const row = (model: BlockModel) => {
      const edge = model.atRidge(ridge)
      const fits = model.fits(cache)
      const rates = [model.intensity(fits), model.atMost(cache)].map((value) => formatCount(Math.round(value)))
      return line(model.kind, edge === null ? 'never' : formatCount(edge), formatCount(fits), ...rates)
    }
    const {mc, kc, nc} = blocksFor(MiB, 8 * MiB, 4)
    const ahead = blocksAheadFor(2 * MiB, 4)
    return [
      'A block that stays in a cache is used again instead of read again: FLOP per byte grow with its edge e, up to what the cache holds. With b bytes an element:',
      '  product      2·m·n·k ÷ b·(2·m·n·k/e + m·n)        e × e of c stay',
      '  convolution  2·h·w·f·c·taps ÷ b·(inputs under·c + f·c·taps + h·w·f)',
      '  attention    4·e·s·d ÷ b·(2·s·d + 2·e·d)          e queries stay',
      'A product moves at least 2·m·n·k/√S + m·n elements, S of them in the cache.',
      `Worked: an H100 in bf16, ridge ${format(ridge, 'FLOP/B')}, L2 of ${cache / MiB} MiB; 2,048 tokens:`,
      line('', 'e at ridge', 'e that fits', 'FLOP/B', 'at most'),
      ...operators.map(row),
      `Our own product takes its blocks from this, in f32 ${mc} × ${kc} of a in half of 1 MiB of L2, panels of ${formatCount(nc)} columns; on Intel two of b in half of its L2, ${ahead.kc} × ${ahead.nc} of 2 MiB. perf bench gemm-blocked --sweep --report page.html draws both.`,
    ]
  },
}
