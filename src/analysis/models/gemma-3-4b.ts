import {gemmaLike, type TransformerModel} from './types.ts'

/** Five local layers, then a global one; here in two groups, which changes no count. */
export const gemma3_4b: TransformerModel = {
  id: 'gemma-3-4b',
  name: 'Gemma 3 4B (text)',
  source: 'Hugging Face google/gemma-3-4b-it config.json, text_config; Gemma Team 2025 (arXiv:2503.19786) §2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 3_880_263_168,
    source: 'transformers Gemma3ForCausalLM of google/gemma-3-4b-it (num_parameters), without the vision tower',
  },
  spec: {
    ...gemmaLike,
    layers: 34,
    hidden: 2560,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    ffn: 10_240,
    vocab: 262_208,
    positions: 131_072,
    groups: [
      {name: 'local', layers: 29, window: 1024},
      {name: 'global', layers: 5},
    ],
    qkNorm: 'rmsnorm',
  },
}
