import {gpt2Like, type TransformerModel} from './types.ts'

export const gpt2: TransformerModel = {
  id: 'gpt2',
  name: 'GPT-2 (124M)',
  source: 'Hugging Face openai-community/gpt2 config.json; Radford et al. 2019, table 2',
  architecture: 'transformer',
  dtype: 'f32',
  published: {parameters: 124_439_808, source: 'Hugging Face openai-community/gpt2, GPT2LMHeadModel with tied head'},
  spec: {
    ...gpt2Like,
    layers: 12,
    hidden: 768,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    ffn: 3072,
    vocab: 50_257,
    positions: 1024,
  },
}
