/** Every operator, one line each. A file in this folder that is missing here fails a test. */

import {adafactor} from './adafactor.ts'
import {adam} from './adam.ts'
import {adamw} from './adamw.ts'
import {add} from './add.ts'
import {attention} from './attention.ts'
import {attentionScores} from './attention-scores.ts'
import {attentionValues} from './attention-values.ts'
import {crossEntropy} from './cross-entropy.ts'
import {dequantize} from './dequantize.ts'
import {einsum} from './einsum.ts'
import {embedding} from './embedding.ts'
import {gatedMlp} from './gated-mlp.ts'
import {gelu} from './gelu.ts'
import {geluTanh} from './gelu-tanh.ts'
import {kvRead} from './kv-read.ts'
import {kvWrite} from './kv-write.ts'
import {layernorm} from './layernorm.ts'
import {linear} from './linear.ts'
import {matmul} from './matmul.ts'
import {momentum} from './momentum.ts'
import {move} from './move.ts'
import {mseLoss} from './mse-loss.ts'
import {mul} from './mul.ts'
import {pointwise} from './pointwise.ts'
import {position} from './position.ts'
import {quantize} from './quantize.ts'
import {reduce} from './reduce.ts'
import {relu} from './relu.ts'
import {rmsnorm} from './rmsnorm.ts'
import {rmsprop} from './rmsprop.ts'
import {rope} from './rope.ts'
import {sgd} from './sgd.ts'
import {silu} from './silu.ts'
import {softmax} from './softmax.ts'
import {swiglu} from './swiglu.ts'
import {tanh} from './tanh.ts'

export const ops = {
  add,
  attention,
  'attention-scores': attentionScores,
  'attention-values': attentionValues,
  'cross-entropy': crossEntropy,
  einsum,
  embedding,
  'gated-mlp': gatedMlp,
  gelu,
  'gelu-tanh': geluTanh,
  'kv-read': kvRead,
  'kv-write': kvWrite,
  layernorm,
  linear,
  matmul,
  move,
  mul,
  pointwise,
  position,
  reduce,
  relu,
  rmsnorm,
  rope,
  silu,
  softmax,
  swiglu,
  tanh,
  adafactor,
  adam,
  adamw,
  dequantize,
  momentum,
  'mse-loss': mseLoss,
  quantize,
  rmsprop,
  sgd,
} as const

export type OpKind = keyof typeof ops
