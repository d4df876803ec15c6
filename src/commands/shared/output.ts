/** Files are written whole or not at all, and refused before the work when they cannot be written. */
import {accessSync, constants, existsSync, fstatSync, realpathSync, statSync, writeSync} from 'node:fs'
import {basename, dirname, join, resolve} from 'node:path'
import {speaksUnicode, toAscii} from '../../../reports/text/ascii.ts'
import {wrap} from '../../../reports/text/style.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {systemReason} from '../../analysis/system-reason.ts'

function refuse(flag: string, path: string, reason: string): never {
  throw new AnalysisError('cannot-write', `${flag} ${path} cannot be written: ${reason}`, [
    'choose a path in a folder that exists and may be written to',
  ])
}

/**
 * Checks that `path` could be written, without touching it.
 * @throws AnalysisError `cannot-write`
 */
export function checkWritable(flag: string, path: string): void {
  if (path === '') refuse(flag, '""', 'the path is empty')
  const target = resolve(path)
  try {
    const existing = statSync(target, {throwIfNoEntry: false})
    if (existing?.isDirectory()) refuse(flag, path, 'it is a directory')
    if (existing) accessSync(target, constants.W_OK)
    const folder = dirname(target)
    const above = statSync(folder, {throwIfNoEntry: false})
    if (!above) refuse(flag, path, `there is no folder ${dirname(path)}`)
    if (!above.isDirectory()) refuse(flag, path, `${folder} is not a directory`)
    // a device such as /dev/stdout is written through, a file is replaced by renaming within its folder
    if (!existing || existing.isFile()) accessSync(folder, constants.W_OK)
  } catch (error) {
    if (error instanceof AnalysisError) throw error
    refuse(flag, path, systemReason(error))
  }
}

/** Where a path leads, through links; of a file that is not there yet, where its folder does. */
function real(path: string): string {
  const target = resolve(path)
  try {
    return existsSync(target) ? realpathSync(target) : join(realpathSync(dirname(target)), basename(target))
  } catch {
    return target
  }
}

/**
 * Checks that two flags do not name one file: the second would replace what the first has just written.
 * @throws AnalysisError `bad-flag`
 */
export function checkApart(flag: string, path: string, other: string, second: string): void {
  // a device takes both
  if (real(path) !== real(second) || statSync(path, {throwIfNoEntry: false})?.isFile() === false) return
  throw new AnalysisError('bad-flag', `${flag} and ${other} both write ${path}`, ['give each a file of its own'])
}

/**
 * Replaces `path` by `content`, whole or not at all.
 * @throws AnalysisError `cannot-write`
 */
export async function writeWhole(flag: string, path: string, content: string | Buffer): Promise<void> {
  try {
    const existing = statSync(path, {throwIfNoEntry: false})
    if (existing && !existing.isFile()) {
      const {writeFile} = await import('node:fs/promises')
      await writeFile(path, content)
      return
    }
    const {replaceFile} = await import('../../kernels/whole-file.ts')
    await replaceFile(path, content)
  } catch (error) {
    refuse(flag, path, systemReason(error))
  }
}

/**
 * A document as `--json` prints it.
 * @param schema kind and version, such as `analysis@1`
 */
export const documentJson = (schema: string, result: unknown, warnings: readonly Warning[]): string =>
  `${JSON.stringify({schema: `ridgepoint/${schema}`, ok: true, result, warnings}, null, 2)}\n`

/**
 * Writes an answer to standard output, all of it: a write to a file goes on after a short one, which Node's stream would take for the whole.
 * @throws AnalysisError `cannot-write`
 */
export function writeAnswer(content: string | Buffer): void {
  const {fd, isTTY} = process.stdout as {fd?: number; isTTY?: boolean}
  const target = fd === undefined || isTTY ? undefined : fstatSync(fd)
  if (fd === undefined || !(target?.isFile() || target?.isCharacterDevice())) {
    process.stdout.write(content)
    return
  }
  const bytes = Buffer.from(content)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  } catch (error) {
    throw new AnalysisError('cannot-write', `the answer cannot be written: ${systemReason(error)}`, [
      'free some space, or send it elsewhere',
    ])
  }
}

/**
 * A line for people, to standard error: in its locale's characters, and on a terminal broken between words, two columns in.
 * A line that has no end yet at the edge would be cut within a word.
 */
export function writeRemark(line: string): void {
  const {isTTY, columns} = process.stderr
  const plain = speaksUnicode(process.env) ? line : toAscii(line)
  process.stderr.write(`${isTTY && columns >= 20 ? plain.split('\n').map(broken(columns)).join('\n') : plain}\n`)
}

/** Breaks a line at `width`; what goes on stands two columns further in. */
const broken =
  (width: number) =>
  (line: string): string => {
    const start = /^ */.exec(line)![0]
    return line.length <= width ? line : start + wrap(line.slice(start.length), width, `${start}  `, start.length)
  }

/** Colours that the reports paint with, and whatever else a terminal obeys or a reader cannot see; line ends and tabs stay. */
const obeyed = new RegExp(
  `${String.fromCharCode(27)}\\[\\d{1,2}m|\\r(?!\\n)|[^\\P{Cc}\\n\\r\\t]|[\\u2028\\u2029\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]`,
  'gu',
)

/**
 * Text for a terminal: names come from files of others, and none of them may move the cursor or colour what follows.
 * @param color whether the text is painted: then colours stay
 */
export const harmless = (text: string, color = false): string =>
  text.replace(obeyed, (found) => (color && found.length > 1 ? found : '\ufffd'))
