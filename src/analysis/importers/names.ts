/** Ids of imported models. */

/** The first of some texts of which an id can be made: lower-case letters, digits, dots, dashes. The last must be one. */
export const firstId = (candidates: readonly string[]): string =>
  candidates
    .map((text) =>
      text
        .slice(0, 80)
        .toLowerCase()
        .replace(/[^a-z0-9._-]+/g, '-')
        .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, ''),
    )
    .find((text) => text !== '')!

/** A short id from a path: its file name, or its folder where the file's name says nothing. */
export function idFrom(path: string, fallback: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.' && part !== '..')
  const last = (parts.at(-1) ?? '')
    .replace(/\.(onnx|gguf|safetensors|json)$/i, '')
    .replace(/\.safetensors\.index$/i, '')
    .replace(/(.)-\d{5}-of-\d{5}$/, '$1')
  const plain = /^(model|config|pytorch_model|unknown)$/i.test(last)
  const candidates = [plain ? (parts.at(-2) ?? '') : last, last, fallback]
  return firstId(candidates)
}
