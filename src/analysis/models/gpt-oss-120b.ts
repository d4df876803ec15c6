import {llamaLike, type TransformerModel} from './types.ts'

/** In bf16; the expert weights were released in MXFP4 (4.25 bits). */
export const gptOss120b: TransformerModel = {
  id: 'gpt-oss-120b',
  name: 'GPT-OSS 120b',
  source: 'Hugging Face openai/gpt-oss-120b config.json; OpenAI 2025, gpt-oss model card (arXiv:2508.10925) §2.2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 116_829_156_672,
    source:
      'GGUF general.parameter_count of openai/gpt-oss-120b; 116.83B in table 1 of the model card (arXiv:2508.10925)',
  },
  spec: {
    ...llamaLike,
    layers: 36,
    hidden: 2880,
    heads: 64,
    kvHeads: 8,
    headDim: 64,
    ffn: 2880,
    vocab: 201_088,
    positions: 131_072,
    activation: 'silu-clamped',
    bias: {qkv: true, out: true, mlp: true},
    sinks: true,
    groups: [
      {name: 'local', layers: 18, window: 128},
      {name: 'global', layers: 18},
    ],
    mixture: {
      experts: 128,
      topK: 4,
      ffn: 2880,
      sharedFfn: 0,
      gate: 'softmax-chosen',
      normalized: false,
      selectionBias: false,
      routerBias: true,
      expertBias: true,
    },
  },
}
