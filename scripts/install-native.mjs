#!/usr/bin/env node
// Builds the native addon when the package is installed. Where that is not possible the install still succeeds: one line on standard
// error says what is missing and how to get it, and the analysis runs against datasheet machines.
// `--strict` (npm run build:native) fails instead, and shows the end of the log.
import {spawnSync} from 'node:child_process'
import {accessSync, appendFileSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {availableParallelism} from 'node:os'
import {delimiter, dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const strict = process.argv.includes('--strict')
const build = join(root, 'build')
const log = join(build, 'install.log')

/** Whether `name` (a command or a path) can be executed. */
function executable(name) {
  const candidates = /[\\/]/.test(name) ? [name] : (process.env.PATH ?? '').split(delimiter).map((d) => join(d, name))
  return candidates.some((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Ends with one line about what is missing and how to get it. */
function giveUp(reason, remedy) {
  process.stderr.write(
    `ridgepoint: without the native addon, so nothing can be measured here (analysis works): ${reason}. ${remedy}\n`,
  )
  if (strict && existsSync(log))
    process.stderr.write(`${readFileSync(log, 'utf8').split('\n').slice(-30).join('\n')}\n`)
  process.exit(strict ? 1 : 0)
}

/** The commands that install a C++ compiler, make and Python on this system. */
function toolsCommand() {
  if (process.platform === 'darwin') return 'xcode-select --install'
  if (executable('apt-get')) return 'apt-get install g++ make python3'
  if (executable('dnf')) return 'dnf install gcc-c++ make python3'
  if (executable('apk')) return 'apk add g++ make python3 linux-headers'
  return 'install g++ (or clang++), make and python3'
}

/** The folder whose include/node holds the headers of the node that runs, if they are installed. */
function headers() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? prefix : undefined
}

function main() {
  const again = root.split(/[\\/]/).includes('node_modules') ? 'npm rebuild ridgepoint' : 'npm run build:native'
  if (process.env.RIDGEPOINT_NO_NATIVE) giveUp('RIDGEPOINT_NO_NATIVE is set', `Unset it, then: ${again}`)
  if (process.platform === 'win32') giveUp('measuring is not supported on Windows yet', 'Linux and macOS measure.')
  if (!['x64', 'arm64'].includes(process.arch))
    giveUp(`measuring is not supported on ${process.arch}`, 'x64 and arm64 measure.')

  // the first `npx perf` in a checkout installs it into npx's own folder and runs this again: make would look at every source
  const addon = join(build, 'Release', 'ridgepoint.node')
  if (process.env.npm_command === 'exec' && existsSync(addon)) return

  const compiler = process.env.CXX?.trim().split(/\s+/).at(-1)
  const missing = []
  if (!(compiler ? executable(compiler) : ['g++', 'c++', 'clang++'].some(executable))) missing.push('a C++ compiler')
  if (!executable(process.env.MAKE ?? 'make')) missing.push('make')
  if (
    ![process.env.npm_config_python, process.env.PYTHON, 'python3', 'python'].some((name) => name && executable(name))
  )
    missing.push('python3')
  if (missing.length > 0) giveUp(`${missing.join(', ')} not found`, `Run: ${toolsCommand()}; then: ${again}`)

  let gyp
  try {
    gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  } catch {
    giveUp('the package node-gyp is not installed', `Run: npm install; then: ${again}`)
  }
  const prefix = headers()
  // g++ is node-gyp's default; where there is only clang++ or c++ it must be told.
  const fallback = ['g++', 'c++', 'clang++'].find(executable)
  const env =
    compiler || fallback === 'g++'
      ? process.env
      : {...process.env, CXX: fallback, CC: fallback === 'c++' ? 'cc' : 'clang'}
  try {
    mkdirSync(build, {recursive: true})
    writeFileSync(log, `node ${process.version} ${process.platform} ${process.arch}\n`)
  } catch (error) {
    giveUp(`${build} cannot be written (${error.code})`, `Make it writable, then: ${again}`)
  }
  // 8 processor-minutes on an Emerald Rapids. npm shows this in a clone; of a package that another depends on it hides what scripts say
  const minutes = Math.ceil(8 / availableParallelism())
  process.stderr.write(
    `ridgepoint: compiling the native addon, about ${minutes} min on ${availableParallelism()} processors (${log})\n`,
  )
  for (const command of [['configure'], ['build', '-j', 'max']]) {
    const run = spawnSync(process.execPath, [gyp, ...command, ...(prefix ? [`--nodedir=${prefix}`] : [])], {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 1_800_000,
    })
    appendFileSync(log, `$ node-gyp ${command.join(' ')}\n${run.stdout ?? ''}${run.stderr ?? ''}${run.error ?? ''}\n`)
    if (run.status === 0) continue
    const noHeaders = !prefix && command[0] === 'configure'
    if (noHeaders)
      giveUp(
        'the headers of this node are not installed and could not be fetched',
        `Install node with its headers (${join(dirname(dirname(process.execPath)), 'include', 'node')}), then: ${again}`,
      )
    const what = run.error?.code === 'ETIMEDOUT' ? 'took more than 30 minutes and was ended' : 'failed'
    giveUp(`node-gyp ${command[0]} ${what}, see ${log}`, `Then: ${again}`)
  }
  // A binary that builds but does not load (another libc, another architecture) must be known now, not at the first measurement.
  const loaded = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(addon)}).cpu()`], {encoding: 'utf8'})
  if (loaded.status !== 0) {
    appendFileSync(log, `${loaded.stderr}\n`)
    giveUp(`the addon was built but does not load, see ${log}`, `Then: ${again}`)
  }
  if (strict) process.stdout.write(`${addon}\n`)
}

main()
