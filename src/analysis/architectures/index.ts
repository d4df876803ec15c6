/** Every architecture, one line each. A model names one and gives its dimensions. */

import {alexnetArchitecture} from './alexnet.ts'
import {convnextArchitecture} from './convnext.ts'
import {densenetArchitecture} from './densenet.ts'
import {encoderDecoderArchitecture} from './encoder-decoder.ts'
import {gnnArchitecture} from './gnn.ts'
import {logisticRegressionArchitecture} from './logistic-regression.ts'
import {mamba2Architecture} from './mamba2.ts'
import {mobilenetArchitecture} from './mobilenet.ts'
import {operatorsArchitecture} from './operators.ts'
import {resnetArchitecture} from './resnet.ts'
import {rnnLmArchitecture} from './rnn-lm.ts'
import {sdUnetArchitecture} from './sd-unet.ts'
import {squeezenetArchitecture} from './squeezenet.ts'
import {storedArchitecture} from './stored.ts'
import {swinArchitecture} from './swin.ts'
import {transformerArchitecture} from './transformer.ts'
import {unetArchitecture} from './unet.ts'
import {vggArchitecture} from './vgg.ts'
import {vitArchitecture} from './vit.ts'

export const architectures = {
  alexnet: alexnetArchitecture,
  convnext: convnextArchitecture,
  densenet: densenetArchitecture,
  mobilenet: mobilenetArchitecture,
  operators: operatorsArchitecture,
  resnet: resnetArchitecture,
  'sd-unet': sdUnetArchitecture,
  squeezenet: squeezenetArchitecture,
  stored: storedArchitecture,
  swin: swinArchitecture,
  transformer: transformerArchitecture,
  unet: unetArchitecture,
  vgg: vggArchitecture,
  vit: vitArchitecture,
  'logistic-regression': logisticRegressionArchitecture,
  'rnn-lm': rnnLmArchitecture,
  mamba2: mamba2Architecture,
  gnn: gnnArchitecture,
  'encoder-decoder': encoderDecoderArchitecture,
} as const

export type ArchitectureId = keyof typeof architectures
/** The dimensions that an architecture takes. */
export type SpecOf<A extends ArchitectureId> = Parameters<(typeof architectures)[A]['graph']>[0]
