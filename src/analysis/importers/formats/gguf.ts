import type {Format} from '../index.ts'

export const ggufFormat: Format = {
  id: 'gguf',
  title: 'GGUF',
  sniff: (head) => head[0] === 0x47 && head[1] === 0x47 && head[2] === 0x55 && head[3] === 0x46,
  async read(file) {
    const {parseGguf} = await import('../gguf.ts')
    return parseGguf(file)
  },
}
