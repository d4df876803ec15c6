/** Every operator, one line each. A file in this folder that is missing here fails a test. */

import {adafactor} from './adafactor.ts'
import {adam} from './adam.ts'
import {adamw} from './adamw.ts'
import {adaptiveAvgPool} from './adaptive-avg-pool.ts'
import {add} from './add.ts'
import {alibi} from './alibi.ts'
import {attention} from './attention.ts'
import {attentionScores} from './attention-scores.ts'
import {attentionValues} from './attention-values.ts'
import {avgPool} from './avg-pool.ts'
import {batchnorm} from './batchnorm.ts'
import {batchnormTrain} from './batchnorm-train.ts'
import {bce} from './bce.ts'
import {channelAdd} from './channel-add.ts'
import {channelBias} from './channel-bias.ts'
import {channelScale} from './channel-scale.ts'
import {classToken} from './class-token.ts'
import {concat} from './concat.ts'
import {conv} from './conv.ts'
import {convIm2col} from './conv-im2col.ts'
import {convTranspose} from './conv-transpose.ts'
import {convWinograd} from './conv-winograd.ts'
import {copy} from './copy.ts'
import {crossAttention} from './cross-attention.ts'
import {crossEntropy} from './cross-entropy.ts'
import {crossScores} from './cross-scores.ts'
import {crossValues} from './cross-values.ts'
import {dequantize} from './dequantize.ts'
import {distillationLoss} from './distillation-loss.ts'
import {dropout} from './dropout.ts'
import {edgeScores} from './edge-scores.ts'
import {edgeSoftmax} from './edge-softmax.ts'
import {einsum} from './einsum.ts'
import {elu} from './elu.ts'
import {embedding} from './embedding.ts'
import {gatedMlp} from './gated-mlp.ts'
import {gather} from './gather.ts'
import {geglu} from './geglu.ts'
import {gegluErf} from './geglu-erf.ts'
import {gelu} from './gelu.ts'
import {geluTanh} from './gelu-tanh.ts'
import {groupnorm} from './groupnorm.ts'
import {gru} from './gru.ts'
import {headLinear} from './head-linear.ts'
import {interpolateBilinear} from './interpolate-bilinear.ts'
import {interpolateNearest} from './interpolate-nearest.ts'
import {kvRead} from './kv-read.ts'
import {kvWrite} from './kv-write.ts'
import {l2norm} from './l2norm.ts'
import {layerScale} from './layer-scale.ts'
import {layernorm} from './layernorm.ts'
import {linear} from './linear.ts'
import {linearAttention} from './linear-attention.ts'
import {lstm} from './lstm.ts'
import {matmul} from './matmul.ts'
import {maxPool} from './max-pool.ts'
import {mlaAttention} from './mla-attention.ts'
import {mlaKeys} from './mla-keys.ts'
import {mlaRope} from './mla-rope.ts'
import {mlaWrite} from './mla-write.ts'
import {moeCombine} from './moe-combine.ts'
import {moeGate} from './moe-gate.ts'
import {moeGateSigmoid} from './moe-gate-sigmoid.ts'
import {moeLinear} from './moe-linear.ts'
import {momentum} from './momentum.ts'
import {move} from './move.ts'
import {mseLoss} from './mse-loss.ts'
import {mul} from './mul.ts'
import {pointwise} from './pointwise.ts'
import {position} from './position.ts'
import {quantize} from './quantize.ts'
import {quickGelu} from './quick-gelu.ts'
import {reduce} from './reduce.ts'
import {reglu} from './reglu.ts'
import {relativeBias} from './relative-bias.ts'
import {relu} from './relu.ts'
import {relu6} from './relu6.ts'
import {rmsnorm} from './rmsnorm.ts'
import {rmsprop} from './rmsprop.ts'
import {rnn} from './rnn.ts'
import {rope} from './rope.ts'
import {ropePartial} from './rope-partial.ts'
import {scale} from './scale.ts'
import {scatter} from './scatter.ts'
import {sgd} from './sgd.ts'
import {shortConv} from './short-conv.ts'
import {sigmoid} from './sigmoid.ts'
import {silu} from './silu.ts'
import {slice} from './slice.ts'
import {softcap} from './softcap.ts'
import {softmax} from './softmax.ts'
import {softmaxSink} from './softmax-sink.ts'
import {spmm} from './spmm.ts'
import {ssdScan} from './ssd-scan.ts'
import {swiglu} from './swiglu.ts'
import {swigluClamped} from './swiglu-clamped.ts'
import {tanh} from './tanh.ts'
import {transpose} from './transpose.ts'
import {windowBias} from './window-bias.ts'
import {winogradFiltersOp} from './winograd-filters.ts'

export const ops = {
  adafactor,
  adam,
  adamw,
  'adaptive-avg-pool': adaptiveAvgPool,
  add,
  alibi,
  attention,
  'attention-scores': attentionScores,
  'attention-values': attentionValues,
  'avg-pool': avgPool,
  batchnorm,
  'batchnorm-train': batchnormTrain,
  bce,
  'channel-add': channelAdd,
  'channel-bias': channelBias,
  'channel-scale': channelScale,
  'class-token': classToken,
  concat,
  conv,
  'conv-im2col': convIm2col,
  'conv-transpose': convTranspose,
  'conv-winograd': convWinograd,
  copy,
  'cross-attention': crossAttention,
  'cross-entropy': crossEntropy,
  'cross-scores': crossScores,
  'cross-values': crossValues,
  dequantize,
  'distillation-loss': distillationLoss,
  dropout,
  'edge-scores': edgeScores,
  'edge-softmax': edgeSoftmax,
  einsum,
  elu,
  embedding,
  'gated-mlp': gatedMlp,
  gather,
  geglu,
  'geglu-erf': gegluErf,
  gelu,
  'gelu-tanh': geluTanh,
  groupnorm,
  gru,
  'head-linear': headLinear,
  'interpolate-bilinear': interpolateBilinear,
  'interpolate-nearest': interpolateNearest,
  'kv-read': kvRead,
  'kv-write': kvWrite,
  l2norm,
  'layer-scale': layerScale,
  layernorm,
  linear,
  'linear-attention': linearAttention,
  lstm,
  matmul,
  'max-pool': maxPool,
  'mla-attention': mlaAttention,
  'mla-keys': mlaKeys,
  'mla-rope': mlaRope,
  'mla-write': mlaWrite,
  'moe-combine': moeCombine,
  'moe-gate': moeGate,
  'moe-gate-sigmoid': moeGateSigmoid,
  'moe-linear': moeLinear,
  momentum,
  move,
  'mse-loss': mseLoss,
  mul,
  pointwise,
  position,
  quantize,
  'quick-gelu': quickGelu,
  reduce,
  reglu,
  'relative-bias': relativeBias,
  relu,
  relu6,
  rmsnorm,
  rmsprop,
  rnn,
  rope,
  'rope-partial': ropePartial,
  scale,
  scatter,
  sgd,
  'short-conv': shortConv,
  sigmoid,
  silu,
  slice,
  softcap,
  softmax,
  'softmax-sink': softmaxSink,
  spmm,
  'ssd-scan': ssdScan,
  swiglu,
  'swiglu-clamped': swigluClamped,
  tanh,
  transpose,
  'window-bias': windowBias,
  'winograd-filters': winogradFiltersOp,
} as const

export type OpKind = keyof typeof ops
