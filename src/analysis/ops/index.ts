/** Every operator, one line each. A file in this folder that is missing here fails a test. */

import {adafactor} from './adafactor.ts'
import {adam} from './adam.ts'
import {adamw} from './adamw.ts'
import {adaptiveAvgPool} from './adaptive-avg-pool.ts'
import {add} from './add.ts'
import {attention} from './attention.ts'
import {attentionScores} from './attention-scores.ts'
import {attentionValues} from './attention-values.ts'
import {avgPool} from './avg-pool.ts'
import {batchnorm} from './batchnorm.ts'
import {channelAdd} from './channel-add.ts'
import {channelScale} from './channel-scale.ts'
import {concat} from './concat.ts'
import {conv} from './conv.ts'
import {convIm2col} from './conv-im2col.ts'
import {convTranspose} from './conv-transpose.ts'
import {convWinograd} from './conv-winograd.ts'
import {copy} from './copy.ts'
import {crossEntropy} from './cross-entropy.ts'
import {dequantize} from './dequantize.ts'
import {dropout} from './dropout.ts'
import {einsum} from './einsum.ts'
import {embedding} from './embedding.ts'
import {gatedMlp} from './gated-mlp.ts'
import {gelu} from './gelu.ts'
import {geluTanh} from './gelu-tanh.ts'
import {groupnorm} from './groupnorm.ts'
import {interpolateBilinear} from './interpolate-bilinear.ts'
import {interpolateNearest} from './interpolate-nearest.ts'
import {kvRead} from './kv-read.ts'
import {kvWrite} from './kv-write.ts'
import {layerScale} from './layer-scale.ts'
import {layernorm} from './layernorm.ts'
import {linear} from './linear.ts'
import {matmul} from './matmul.ts'
import {maxPool} from './max-pool.ts'
import {momentum} from './momentum.ts'
import {move} from './move.ts'
import {mseLoss} from './mse-loss.ts'
import {mul} from './mul.ts'
import {pointwise} from './pointwise.ts'
import {position} from './position.ts'
import {quantize} from './quantize.ts'
import {reduce} from './reduce.ts'
import {relu} from './relu.ts'
import {relu6} from './relu6.ts'
import {rmsnorm} from './rmsnorm.ts'
import {rmsprop} from './rmsprop.ts'
import {rope} from './rope.ts'
import {sgd} from './sgd.ts'
import {silu} from './silu.ts'
import {slice} from './slice.ts'
import {softmax} from './softmax.ts'
import {swiglu} from './swiglu.ts'
import {tanh} from './tanh.ts'
import {transpose} from './transpose.ts'

export const ops = {
  adafactor,
  adam,
  adamw,
  'adaptive-avg-pool': adaptiveAvgPool,
  add,
  attention,
  'attention-scores': attentionScores,
  'attention-values': attentionValues,
  'avg-pool': avgPool,
  batchnorm,
  'channel-add': channelAdd,
  'channel-scale': channelScale,
  concat,
  conv,
  'conv-im2col': convIm2col,
  'conv-transpose': convTranspose,
  'conv-winograd': convWinograd,
  copy,
  'cross-entropy': crossEntropy,
  dequantize,
  dropout,
  einsum,
  embedding,
  'gated-mlp': gatedMlp,
  gelu,
  'gelu-tanh': geluTanh,
  groupnorm,
  'interpolate-bilinear': interpolateBilinear,
  'interpolate-nearest': interpolateNearest,
  'kv-read': kvRead,
  'kv-write': kvWrite,
  'layer-scale': layerScale,
  layernorm,
  linear,
  matmul,
  'max-pool': maxPool,
  momentum,
  move,
  'mse-loss': mseLoss,
  mul,
  pointwise,
  position,
  quantize,
  reduce,
  relu,
  relu6,
  rmsnorm,
  rmsprop,
  rope,
  sgd,
  silu,
  slice,
  softmax,
  swiglu,
  tanh,
  transpose,
} as const

export type OpKind = keyof typeof ops
