/**
 * Every error a user can see has a stable code, a message with the offending value, and the next step.
 * The exit code is a function of the error code, so that text and `--json` can never differ.
 */

/** Exit codes of the contract. */
export const exitCodes = {ok: 0, bug: 1, usage: 2, input: 3, environment: 4, threshold: 5, interrupted: 130} as const

/** What each error code means for the exit status. */
export const errorCodes = {
  'bad-quantity': 'usage',
  'bad-flag': 'usage',
  'bad-dimension': 'usage',
  'bad-phase': 'usage',
  'bad-range': 'usage',
  'unknown-command': 'usage',
  'unknown-model': 'input',
  'unknown-machine': 'input',
  'unknown-operator': 'input',
  'unknown-kernel': 'input',
  'unknown-concept': 'input',
  'bad-file': 'input',
  'bad-json': 'input',
  'bad-config': 'input',
  'bad-machine': 'input',
  'bad-document': 'input',
  'bad-points': 'input',
  unreachable: 'input',
  'sparse-peak': 'input',
  'cannot-write': 'input',
  'no-addon': 'environment',
  'no-isa': 'environment',
  'no-adapter': 'environment',
  'gpu-failed': 'environment',
  'kernel-failed': 'input',
  'no-rasterizer': 'environment',
  'no-profile': 'environment',
  'does-not-fit': 'environment',
  regression: 'threshold',
  interrupted: 'interrupted',
  internal: 'bug',
} as const satisfies Record<string, keyof typeof exitCodes>

export type ErrorCode = keyof typeof errorCodes

/** An error meant for the user: never a stack trace, always a next step. */
export class AnalysisError extends Error {
  readonly code: ErrorCode
  readonly suggestions: readonly string[]

  constructor(code: ErrorCode, message: string, suggestions: readonly string[] = []) {
    super(message)
    this.name = 'AnalysisError'
    this.code = code
    this.suggestions = suggestions
  }

  get exitCode(): number {
    return exitCodes[errorCodes[this.code]]
  }
}

/** A remark that travels with a result: the answer stands, but not without this. */
export interface Warning {
  code: string
  message: string
}

/** Longest name that is compared or echoed: a path pasted in by mistake is cut. */
export const NAME_LIMIT = 64

/** What a terminal obeys or a reader cannot see: control characters, other line ends, marks of direction and of no width. */
const unseen = /[\p{Cc}\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu

/** A name of a file as it may be shown anywhere: one line, nothing that a terminal obeys. */
export const shown = (name: string): string => name.replace(unseen, '\ufffd')

/** Quotes a name for a message: bounded, control characters visible as escapes. */
export function quoted(name: string): string {
  const text = JSON.stringify(name.length > NAME_LIMIT ? `${name.slice(0, NAME_LIMIT)}…` : name)
  // JSON leaves C1 controls, DEL and marks of direction as they are; a terminal obeys them
  return text.replace(unseen, '?')
}
