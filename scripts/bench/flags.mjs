/** What every script that is run by hand does with its command line. */
import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

/** Text of the comment that a source file begins with, without its marks. Pure. */
export function leadingComment(source) {
  const text = source.replace(/^#!.*\n/, '')
  const block = /^\/\*\*?([\s\S]*?)\*\//.exec(text)
  const lines = block ? block[1].split('\n') : text.slice(0, text.search(/^(?!\/\/)/m)).split('\n')
  const mark = block ? /^ *\* ?/ : /^\/\/ ?/
  return lines
    .map((line) => line.replace(mark, '').trimEnd())
    .join('\n')
    .trim()
}

/** Ends with a line on standard error. */
export function refuse(message, code = 2) {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

/**
 * Flags and positional arguments of a script, as node:util reads them. `--help` prints the comment that the script begins with; what it does
 * not know ends it with one line and exit 2, before anything is done.
 * @param {string} script its import.meta.url
 * @param {{options?: object, positionals?: number, args?: string[]}} wanted `positionals`: most of them
 */
export function readFlags(script, {options = {}, positionals = 0, args = process.argv.slice(2)} = {}) {
  let read
  try {
    read = parseArgs({args, options: {...options, help: {type: 'boolean', short: 'h'}}, allowPositionals: true})
  } catch (error) {
    // node's advice on positional arguments that begin with a dash is of no use here
    refuse(`${error.message.split(/[.\n] ?/)[0]}; --help says what there is`)
  }
  if (read.values.help) {
    process.stdout.write(`${leadingComment(readFileSync(fileURLToPath(script), 'utf8'))}\n`)
    process.exit(0)
  }
  const extra = read.positionals[positionals]
  if (extra !== undefined) refuse(`Unexpected argument '${extra}'; --help says what there is`)
  return read
}
