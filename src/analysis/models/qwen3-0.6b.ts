import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_06b: TransformerModel = {
  id: 'qwen3-0.6b',
  name: 'Qwen3 0.6B',
  source: 'Hugging Face Qwen/Qwen3-0.6B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 596_049_920,
    source:
      'transformers Qwen3ForCausalLM of Qwen/Qwen3-0.6B (num_parameters): the tied table once; safetensors metadata counts it twice, 751,632,384',
  },
  spec: {
    ...llamaLike,
    tied: true,
    layers: 28,
    hidden: 1024,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    ffn: 3072,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
