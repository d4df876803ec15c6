/** A Hugging Face model family: what makes a model of its config. */
import type {ArchitectureId, SpecOf} from '../../architectures/index.ts'
import type {Warning} from '../../errors.ts'
import type {ModelOf} from '../../models/types.ts'
import type {Config} from './fields.ts'

/** What every model has, whatever its architecture. */
export type ModelBase = Omit<ModelOf<ArchitectureId>, 'architecture' | 'spec'>

/** Architectures that a config can describe. */
export type ConfigArchitecture =
  | 'transformer'
  | 'mamba2'
  | 'encoder-decoder'
  | 'vit'
  | 'swin'
  | 'convnext'
  | 'resnet'
  | 'mobilenet'
  | 'sd-unet'
export type ConfigModel = {[A in ConfigArchitecture]: ModelOf<A>}[ConfigArchitecture]

export interface Family {
  model(config: Config, warnings: Warning[], base: ModelBase): ConfigModel
}

type FamilyOf<A extends ConfigArchitecture> = {model(config: Config, warnings: Warning[], base: ModelBase): ModelOf<A>}

/** A family of one architecture from the function that reads its dimensions. */
export const family = <A extends ConfigArchitecture>(
  architecture: A,
  spec: (config: Config, warnings: Warning[]) => SpecOf<A>,
): FamilyOf<A> => ({model: (config, warnings, base) => ({...base, architecture, spec: spec(config, warnings)})})
