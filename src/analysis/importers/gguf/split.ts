/** Models in several files, `NAME-00001-of-00003.gguf`: the first has the metadata, each its own tensors. */
import {quoted} from '../../errors.ts'
import type {ModelFile} from '../index.ts'
import {badFile} from '../source.ts'
import {readGguf} from './read.ts'
import type {GgufHeader, GgufTensor} from './types.ts'

/** Published models have at most a few dozen parts. */
const MAX_PARTS = 1000

const numbered = /^(.*[\\/])?([^\\/]*)-(\d{5})-of-(\d{5})\.gguf$/i

/** The file with all of its parts as one header. @throws AnalysisError `bad-file` where a part is missing or another */
export async function readParts(file: ModelFile, origin: string): Promise<GgufHeader> {
  const own = await readGguf(file.source, origin)
  const count = own.metadata.get('split.count')
  if (count === undefined || count === 0 || count === 1) return own
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > MAX_PARTS)
    badFile(
      origin,
      `is split into ${typeof count === 'object' ? 'a list of' : quoted(String(count))} parts; a whole number up to ${MAX_PARTS} is needed`,
    )
  const [, , name, mine, total] = numbered.exec(file.origin) ?? []
  if (name === undefined || Number(total) !== count)
    badFile(
      origin,
      `is one of ${count} parts, and its name does not tell the others`,
      `parts are named NAME-00001-of-${String(count).padStart(5, '0')}.gguf`,
    )
  const headers: GgufHeader[] = []
  for (let part = 1; part <= count; part++) {
    if (part === Number(mine)) {
      headers.push(own)
      continue
    }
    const other = `${name}-${String(part).padStart(5, '0')}-of-${total}.gguf`
    const source = file.beside(other)
    if (!source)
      badFile(origin, `is one of ${count} parts, and ${other} does not lie beside it`, 'download all of its parts')
    headers.push(await readGguf(source, other))
  }
  const tensors = new Map<string, GgufTensor>()
  for (const header of headers)
    for (const tensor of header.tensors) {
      if (tensors.has(tensor.name)) badFile(origin, 'has the same tensor in two of its parts')
      tensors.set(tensor.name, tensor)
    }
  return {version: own.version, metadata: headers[0]!.metadata, tensors: [...tensors.values()]}
}
