import {evaluateModel} from '../../analyze.ts'
import {models} from '../../models/index.ts'
import {prepareRoof} from '../../roofline.ts'
import {format} from '../../units.ts'
import {resolveWorkload} from '../../workload.ts'
import {type Concept, stage} from '../concept.ts'

export const latency: Concept = {
  id: 'latency',
  title: 'Latency: what no parallel unit makes shorter',
  source: 'Appleyard, Kociský & Blunsom 2016 (arXiv:1604.01946); Diamos et al. 2016, Persistent RNNs (ICML)',
  text() {
    const {machine} = stage()
    const model = models['lstm-lm']
    const start = 5e-6
    const layer = (batch: number, launchOverhead?: number) => {
      const work = resolveWorkload(model, {seq: 1000, batch})
      const {operators} = evaluateModel(model, work, prepareRoof(machine, launchOverhead))
      return operators.find((op) => op.id === 'layers.lstm')!
    }
    const [parallel, one, many] = [layer(1), layer(1, start), layer(64, start)]
    return [
      'Starting an operator takes time, however small it is (--launch-overhead, or the machine states it). Operators that follow one another add their starts.',
      'Inside a recurrent layer every step needs the state of the step before:',
      '  time.lower ≥ steps × max(launch, FLOPs of a step ÷ peak,',
      '                           weights ÷ bandwidth of the cache that holds them)',
      `Worked: an LSTM layer of 650 channels, 1,000 tokens, f32, H100, ${format(start, 's')} per launch:`,
      `  arithmetic alone:  ${format(parallel.time.lower, 's')}`,
      `  1,000 steps:       ${format(one.time.lower, 's')}, bound by ${one.bound}`,
      `  64 sequences:      ${format(many.time.lower, 's')}, bound by ${many.bound}: they share the steps`,
      'A scan (Mamba-2, linear attention) is associative: its parts combine in any order, and it has no such steps.',
      'What helps: more sequences at once, fewer and longer kernels, one kernel that keeps the weights on chip.',
    ]
  },
}
