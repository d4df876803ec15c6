/** Replaces a file whole or not at all, and makes the folder that it goes to. */
import {randomBytes} from 'node:crypto'
import {rmSync} from 'node:fs'
import {mkdir, open, realpath, rename, rm, stat} from 'node:fs/promises'
import {dirname} from 'node:path'

/**
 * Writes `content` to a temporary file in the same folder, waits until the disk has it, and renames it to `path`: whoever reads the path finds
 * the old content or the new. The file's mode stays, and its owner where the system lets it; a symbolic link stays one. The temporary file
 * goes where the process exits before.
 * @throws the system's error where anything was refused, a full disk among it; the old file is then as it was
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const old = await stat(target).catch(() => undefined)
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`
  const forget = () => rmSync(temporary, {force: true})
  process.once('exit', forget)
  try {
    const file = await open(temporary, 'wx', old?.mode)
    try {
      // goes on after a short write, which a disk that is nearly full makes without an error
      await file.writeFile(content)
      if (old) {
        await file.chmod(old.mode).catch(() => {})
        await file.chown(old.uid, old.gid).catch(() => {})
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, {force: true})
    throw error
  } finally {
    process.removeListener('exit', forget)
  }
}

/**
 * Makes a folder and those above it that are missing. Not by mkdir's own `recursive`, which never returns where a new folder is refused with
 * ENOENT, as everywhere below /proc (Node 20.20).
 * @throws the system's error
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return
  if (dirname(folder) !== folder) await makeFolder(dirname(folder))
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}
