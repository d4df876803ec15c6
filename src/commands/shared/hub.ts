/**
 * Models of a hub by id, `org/name` or `org/name@revision`: their config.json, from the local cache or over HTTP.
 * Variables: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
import {existsSync, readFileSync} from 'node:fs'
import {homedir} from 'node:os'
import {join} from 'node:path'
import {AnalysisError} from '../../analysis/errors.ts'
import {systemReason} from '../../analysis/system-reason.ts'

/** `org/name`, each at most 96 characters of letters, digits, dots, dashes and underscores, not beginning with a dot. */
const pattern =
  /^(?<repo>[A-Za-z0-9_-][\w.-]{0,95}\/[A-Za-z0-9_-][\w.-]{0,95})(?:@(?<revision>[A-Za-z0-9][\w.-]{0,95}))?$/

/** A config.json is a few kilobytes. */
const LARGEST = 1_000_000
const TIMEOUT = 30_000

type Environment = Readonly<Record<string, string | undefined>>

interface HubId {
  readonly repo: string
  readonly revision: string
}

/** The parts of a hub id; `undefined` where the text is none. */
export function hubId(text: string): HubId | undefined {
  const groups = pattern.exec(text)?.groups
  if (!groups?.repo || groups.repo.includes('..')) return undefined
  return {repo: groups.repo, revision: groups.revision ?? 'main'}
}

const homeOf = (env: Environment): string =>
  env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface')

/** config.json of a snapshot in the local cache, laid out as the hub's library does. */
function cached({repo, revision}: HubId, env: Environment): string | undefined {
  const root = env.HF_HUB_CACHE ?? join(homeOf(env), 'hub')
  const folder = join(root, `models--${repo.replace('/', '--')}`)
  const reference = join(folder, 'refs', revision)
  const commit = existsSync(reference) ? readFileSync(reference, 'utf8').trim() : revision
  if (!/^[\w.-]+$/.test(commit) || commit.includes('..')) return undefined
  const path = join(folder, 'snapshots', commit, 'config.json')
  return existsSync(path) ? path : undefined
}

function tokenOf(env: Environment): string | undefined {
  if (env.HF_TOKEN) return env.HF_TOKEN.trim()
  const path = env.HF_TOKEN_PATH ?? join(homeOf(env), 'token')
  try {
    return readFileSync(path, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

/** The body as text, refused as soon as it is too long. */
async function textOf(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > LARGEST)
      throw new AnalysisError('bad-file', `${url} has more than ${LARGEST} bytes; a config.json has less`, [
        'give the path of its config.json',
      ])
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What the server's answer means. */
function refused(status: number, id: HubId, url: string, token: boolean): AnalysisError {
  if (status === 401 || status === 403) {
    const next = token
      ? 'HF_TOKEN is not allowed to read it: ask for access on its page'
      : 'set HF_TOKEN to a token that may read it'
    return new AnalysisError('unreachable', `${id.repo} is not open to everybody (${url}: ${status})`, [next])
  }
  if (status === 404)
    return new AnalysisError('unknown-model', `the hub has no ${id.repo} with a config.json (${url}: 404)`, [
      'check the spelling of org/name',
      '`perf model list` shows the built-in models',
    ])
  return new AnalysisError('unreachable', `${url} answers ${status}`, [
    'try again later, or give the path of a config.json',
  ])
}

/**
 * The config.json of a hub model, from the cache where it is there.
 * @returns its text and where it came from
 * @throws AnalysisError `unreachable`, `unknown-model`, `bad-file`
 */
export async function hubConfig(id: HubId, env: Environment = process.env): Promise<{text: string; origin: string}> {
  const local = cached(id, env)
  if (local) return {text: readFileSync(local, 'utf8'), origin: local}
  if (/^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ''))
    throw new AnalysisError('unreachable', `${id.repo} is not in the local cache, and HF_HUB_OFFLINE is set`, [
      'unset HF_HUB_OFFLINE, or give the path of a config.json',
    ])
  const endpoint = (env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '')
  const url = `${endpoint}/${id.repo}/resolve/${id.revision}/config.json`
  const token = tokenOf(env)
  let response: Response
  try {
    response = await fetch(url, {
      headers: token ? {authorization: `Bearer ${token}`} : {},
      signal: AbortSignal.timeout(TIMEOUT),
    })
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new AnalysisError('unreachable', `${url} cannot be reached: ${systemReason(cause)}`, [
      'check the network or HF_ENDPOINT, or give the path of a config.json',
    ])
  }
  if (!response.ok) throw refused(response.status, id, url, token !== undefined)
  return {text: await textOf(response, url), origin: url}
}
