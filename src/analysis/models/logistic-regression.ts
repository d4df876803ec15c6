import type {ModelOf} from './types.ts'

export const logisticRegression: ModelOf<'logistic-regression'> = {
  id: 'logistic-regression',
  name: 'Logistic regression on MNIST',
  source: '28 × 28 pixels, 10 classes: LeCun et al. 1998, Proceedings of the IEEE 86 (11), §III',
  architecture: 'logistic-regression',
  dtype: 'f32',
  published: {parameters: 7850, source: 'LeCun et al. 1998, §III.C.1, linear classifier: "7850 free parameters"'},
  spec: {features: 784, classes: 10},
}
