/** Every built-in model, one line each. A file in this folder that is missing here fails a test. */

import {alexnet} from './alexnet.ts'
import {bertBase} from './bert-base.ts'
import {convnextBase} from './convnext-base.ts'
import {convnextLarge} from './convnext-large.ts'
import {convnextSmall} from './convnext-small.ts'
import {convnextTiny} from './convnext-tiny.ts'
import {deepseekV2} from './deepseek-v2.ts'
import {deepseekV2Lite} from './deepseek-v2-lite.ts'
import {deepseekV3} from './deepseek-v3.ts'
import {densenet121} from './densenet121.ts'
import {densenet161} from './densenet161.ts'
import {densenet169} from './densenet169.ts'
import {densenet201} from './densenet201.ts'
import {efficientnetB0} from './efficientnet-b0.ts'
import {gat} from './gat.ts'
import {gcn} from './gcn.ts'
import {gemma2_2b} from './gemma-2-2b.ts'
import {gemma2_9b} from './gemma-2-9b.ts'
import {gemma2_27b} from './gemma-2-27b.ts'
import {gemma3_1b} from './gemma-3-1b.ts'
import {gemma3_4b} from './gemma-3-4b.ts'
import {gemma3_12b} from './gemma-3-12b.ts'
import {gemma3_27b} from './gemma-3-27b.ts'
import {gptOss20b} from './gpt-oss-20b.ts'
import {gptOss120b} from './gpt-oss-120b.ts'
import {gpt2} from './gpt2.ts'
import {graphsage} from './graphsage.ts'
import {gruLm} from './gru-lm.ts'
import {llama31_405b} from './llama-3.1-405b.ts'
import {llama3_8b} from './llama-3-8b.ts'
import {llama3_70b} from './llama-3-70b.ts'
import {llama4Maverick} from './llama-4-maverick.ts'
import {llama4Scout} from './llama-4-scout.ts'
import {logisticRegression} from './logistic-regression.ts'
import {lstmLm} from './lstm-lm.ts'
import {lstmLmLarge} from './lstm-lm-large.ts'
import {mamba2_27b} from './mamba2-2.7b.ts'
import {mamba2_130m} from './mamba2-130m.ts'
import {mistral7b} from './mistral-7b.ts'
import {mixtral8x7b} from './mixtral-8x7b.ts'
import {mixtral8x22b} from './mixtral-8x22b.ts'
import {mobilenetV2} from './mobilenet-v2.ts'
import {phi3Mini} from './phi-3-mini.ts'
import {qwen25_7b} from './qwen2.5-7b.ts'
import {qwen25_72b} from './qwen2.5-72b.ts'
import {qwen3_06b} from './qwen3-0.6b.ts'
import {qwen3_17b} from './qwen3-1.7b.ts'
import {qwen3_4b} from './qwen3-4b.ts'
import {qwen3_8b} from './qwen3-8b.ts'
import {qwen3_14b} from './qwen3-14b.ts'
import {qwen3_30bA3b} from './qwen3-30b-a3b.ts'
import {qwen3_32b} from './qwen3-32b.ts'
import {qwen3_235bA22b} from './qwen3-235b-a22b.ts'
import {resnet18} from './resnet18.ts'
import {resnet34} from './resnet34.ts'
import {resnet50} from './resnet50.ts'
import {resnet101} from './resnet101.ts'
import {resnet152} from './resnet152.ts'
import {resnext5032x4d} from './resnext50-32x4d.ts'
import {resnext10132x8d} from './resnext101-32x8d.ts'
import {resnext10164x4d} from './resnext101-64x4d.ts'
import {sd15Unet} from './sd-1.5-unet.ts'
import {squeezenet1_0} from './squeezenet1-0.ts'
import {squeezenet1_1} from './squeezenet1-1.ts'
import {swinB} from './swin-b.ts'
import {swinS} from './swin-s.ts'
import {swinT} from './swin-t.ts'
import {t5Base} from './t5-base.ts'
import {transformer} from './transformer.ts'
import type {ModelDef} from './types.ts'
import {unet} from './unet.ts'
import {vgg11} from './vgg11.ts'
import {vgg11Bn} from './vgg11-bn.ts'
import {vgg13} from './vgg13.ts'
import {vgg13Bn} from './vgg13-bn.ts'
import {vgg16} from './vgg16.ts'
import {vgg16Bn} from './vgg16-bn.ts'
import {vgg19} from './vgg19.ts'
import {vgg19Bn} from './vgg19-bn.ts'
import {vitB16} from './vit-b-16.ts'
import {vitB32} from './vit-b-32.ts'
import {vitH14} from './vit-h-14.ts'
import {vitL16} from './vit-l-16.ts'
import {vitL32} from './vit-l-32.ts'
import {whisperBase} from './whisper-base.ts'
import {whisperLargeV3} from './whisper-large-v3.ts'
import {wideResnet50} from './wide-resnet50-2.ts'
import {wideResnet101} from './wide-resnet101-2.ts'

export const models = {
  transformer,
  gpt2,
  'bert-base': bertBase,
  'llama-3-8b': llama3_8b,
  'llama-3-70b': llama3_70b,
  'llama-3.1-405b': llama31_405b,
  'mistral-7b': mistral7b,
  'qwen2.5-7b': qwen25_7b,
  'qwen2.5-72b': qwen25_72b,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  'resnext50-32x4d': resnext5032x4d,
  'resnext101-32x8d': resnext10132x8d,
  'resnext101-64x4d': resnext10164x4d,
  'wide-resnet50-2': wideResnet50,
  'wide-resnet101-2': wideResnet101,
  vgg11,
  'vgg11-bn': vgg11Bn,
  vgg13,
  'vgg13-bn': vgg13Bn,
  vgg16,
  'vgg16-bn': vgg16Bn,
  vgg19,
  'vgg19-bn': vgg19Bn,
  alexnet,
  'squeezenet1-0': squeezenet1_0,
  'squeezenet1-1': squeezenet1_1,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  'mobilenet-v2': mobilenetV2,
  'efficientnet-b0': efficientnetB0,
  'convnext-tiny': convnextTiny,
  'convnext-small': convnextSmall,
  'convnext-base': convnextBase,
  'convnext-large': convnextLarge,
  'vit-b-16': vitB16,
  'vit-b-32': vitB32,
  'vit-l-16': vitL16,
  'vit-l-32': vitL32,
  'vit-h-14': vitH14,
  'swin-t': swinT,
  'swin-s': swinS,
  'swin-b': swinB,
  'mixtral-8x7b': mixtral8x7b,
  'mixtral-8x22b': mixtral8x22b,
  'deepseek-v2-lite': deepseekV2Lite,
  'deepseek-v2': deepseekV2,
  'deepseek-v3': deepseekV3,
  'qwen3-0.6b': qwen3_06b,
  'qwen3-1.7b': qwen3_17b,
  'qwen3-4b': qwen3_4b,
  'qwen3-8b': qwen3_8b,
  'qwen3-14b': qwen3_14b,
  'qwen3-32b': qwen3_32b,
  'qwen3-30b-a3b': qwen3_30bA3b,
  'qwen3-235b-a22b': qwen3_235bA22b,
  'gemma-2-2b': gemma2_2b,
  'gemma-2-9b': gemma2_9b,
  'gemma-2-27b': gemma2_27b,
  'gemma-3-1b': gemma3_1b,
  'gemma-3-4b': gemma3_4b,
  'gemma-3-12b': gemma3_12b,
  'gemma-3-27b': gemma3_27b,
  'phi-3-mini': phi3Mini,
  'gpt-oss-20b': gptOss20b,
  'gpt-oss-120b': gptOss120b,
  'llama-4-scout': llama4Scout,
  'llama-4-maverick': llama4Maverick,
  unet,
  'sd-1.5-unet': sd15Unet,
  'logistic-regression': logisticRegression,
  'lstm-lm': lstmLm,
  'lstm-lm-large': lstmLmLarge,
  'gru-lm': gruLm,
  'mamba2-130m': mamba2_130m,
  'mamba2-2.7b': mamba2_27b,
  gcn,
  graphsage,
  gat,
  't5-base': t5Base,
  'whisper-base': whisperBase,
  'whisper-large-v3': whisperLargeV3,
} as const satisfies Record<string, ModelDef>
