#!/usr/bin/env node
// Does Ctrl-C stop a measurement within 100 ms, and is the old profile untouched? Starts full runs, interrupts each at a random moment of
// its 25 s, and takes the time until the process is gone.
//   npm run bench:abort                          30 aborts, about 7 minutes
//   npm run bench:abort -- --aborts 5 --latest 10 --json FILE
// Exit 5 where one took longer than 100 ms, did not exit with 130, or changed the folder of the profile.
import {spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {readFlags} from './flags.mjs'

const {values: flags} = readFlags(import.meta.url, {
  options: {
    aborts: {type: 'string', default: '30'},
    earliest: {type: 'string', default: '0.2'},
    latest: {type: 'string', default: '24'},
    json: {type: 'string'},
  },
})
const [aborts, earliest, latest] = [flags.aborts, flags.earliest, flags.latest].map(Number)
if (!(Number.isInteger(aborts) && aborts >= 1 && aborts <= 1000) || !(earliest >= 0 && latest > earliest)) {
  process.stderr.write(
    '--aborts is a whole number from 1 to 1000; --earliest and --latest are seconds, in that order\n',
  )
  process.exit(2)
}
const limit = 100

const program = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'bin', 'perf.js')
const home = mkdtempSync(join(tmpdir(), 'ridgepoint-abort-'))
process.on('exit', () => rmSync(home, {recursive: true, force: true}))
const env = {...process.env, XDG_CACHE_HOME: home}

/** Every file of the profile's folder with its content. */
const contents = () =>
  readdirSync(home, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((path) => [path, readFileSync(path, 'utf8')])

const first = spawnSync(process.execPath, [program, 'measure', '--quick', '--quiet'], {env, encoding: 'utf8'})
if (first.status !== 0) {
  process.stderr.write(`the quick measurement before the aborts failed (exit ${first.status})\n${first.stderr}`)
  process.exit(1)
}
const before = JSON.stringify(contents())

const rows = []
for (let i = 0; i < aborts; i++) {
  const moment = earliest + Math.random() * (latest - earliest)
  const child = spawn(process.execPath, [program, 'measure', 'cpu', '--quiet'], {env, stdio: 'ignore'})
  const ended = once(child, 'exit')
  await Promise.race([setTimeout(moment * 1000), ended])
  const finished = child.exitCode !== null
  const from = performance.now()
  child.kill('SIGINT')
  const [code, signal] = await ended
  const milliseconds = performance.now() - from
  const unchanged = JSON.stringify(contents()) === before
  rows.push({moment, milliseconds, code, signal, unchanged, finished})
  process.stdout.write(
    `${String(i + 1).padStart(3)}  after ${moment.toFixed(2).padStart(5)} s: ` +
      `${finished ? 'had ended' : `${milliseconds.toFixed(0).padStart(4)} ms, exit ${code ?? signal}`}, ` +
      `profile ${unchanged ? 'unchanged' : 'CHANGED'}\n`,
  )
  if (finished) break // the run has saved its profile: there is nothing left to interrupt
}
const interrupted = rows.filter(({finished}) => !finished)
const times = interrupted.map(({milliseconds}) => milliseconds).sort((a, b) => a - b)
const failed = interrupted.filter((r) => r.milliseconds > limit || r.code !== 130 || !r.unchanged)
process.stdout.write(
  `${interrupted.length} aborts: median ${times[times.length >> 1]?.toFixed(0)} ms, longest ${times.at(-1)?.toFixed(0)} ms; ` +
    `${failed.length} took more than ${limit} ms, did not exit with 130 or changed the profile\n`,
)
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({date: new Date().toISOString(), limit, rows}, null, 2)}\n`)
process.exit(failed.length > 0 || interrupted.length < aborts ? 5 : 0)
