/** Logistic (softmax) regression: one product, a bias and a softmax. The smallest model there is. */
import {type Graph, GraphBuilder} from '../graph.ts'
import {linear} from '../ops/linear.ts'
import {softmax} from '../ops/softmax.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface LogisticRegressionSpec {
  readonly features: number
  readonly classes: number
}

/** The graph of one batch of samples. */
export function logisticRegression(spec: LogisticRegressionSpec, {batch}: Pick<ModelWork, 'batch'>): Graph {
  const {features, classes} = spec
  const b = new GraphBuilder()
  const x = b.tensor('samples', 'constant', batch * features)
  const logits = b.activation('logits', batch * classes)
  const inputs = [x, b.weight('classifier.weight', features * classes), b.weight('classifier.bias', classes)]
  b.add(linear, 'classifier', {m: batch, n: classes, k: features, bias: true}, inputs, [logits])
  const shape = {rows: batch, cols: classes, kept: batch * classes}
  b.add(softmax, 'probabilities', shape, [logits], [b.activation('probabilities', batch * classes)])
  return b.graph()
}

export const logisticRegressionArchitecture: Architecture<LogisticRegressionSpec> = {
  graph: logisticRegression,
  traits: () => ({generates: false, positions: null, shards: {}}),
}
