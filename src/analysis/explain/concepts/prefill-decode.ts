import {format, formatCount, formatShare} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const prefillDecode: Concept = {
  id: 'prefill-decode',
  also: ['prefill', 'decode'],
  title: 'Prefill and decode: the two phases of generating text',
  source: 'Pope et al. 2022 (arXiv:2211.05102) §2; Agrawal et al. 2024 (arXiv:2403.02310)',
  text() {
    const {run, machine} = stage()
    const prompt = 2048
    const prefill = run({phase: 'prefill', seq: prompt})
    const decode = run({phase: 'decode', context: prompt})
    const rate = (tokens: number, seconds: number) => `${formatCount(tokens / seconds)} tokens/s`
    const share = (evaluation: typeof prefill) =>
      formatShare(evaluation.operators.reduce((sum, op) => (op.bound === 'dram' ? sum + op.share : sum), 0))
    return [
      'Prefill runs the whole prompt at once: matrices times matrices, each weight used once per token. Its time is the time to first token (TTFT). Decode makes one token at a time: matrices times vectors, every weight and the whole KV cache read for each step. Its time is the time per output token (TPOT).',
      `Worked: Llama 3 8B in bf16 on ${machine.name}, batch 1, prompt of ${prompt} tokens, at best:`,
      `  prefill: ${format(prefill.time.lower, 's')}, ${rate(prompt, prefill.time.lower)}, ${share(prefill)} of the time waiting for memory`,
      `  decode:  ${format(decode.time.lower, 's')}, ${rate(1, decode.time.lower)}, ${share(decode)} of the time waiting for memory`,
      `  intensity: ${format(prefill.intensity, 'FLOP/B')} against ${format(decode.intensity, 'FLOP/B')}`,
      'So they want different remedies. Prefill: faster arithmetic, narrower types, no masked work. Decode: larger batches (weights shared), narrower weights, a smaller KV cache. Servers mix the two, or run them on different machines.',
      'Prefill computes the LM head for the last token only; encoders such as BERT have one phase, forward.',
    ]
  },
}
