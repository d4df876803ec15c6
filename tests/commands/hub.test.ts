/** Hub ids against a server of this machine: token, endpoint, cache, and every way it can fail. */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest'
import {hubId} from '../../src/commands/shared/hub.ts'
import {run, sandbox} from './support.ts'

const config = readFileSync(new URL('../fixtures/hf/gpt2.json', import.meta.url), 'utf8')
const box = sandbox()
let server: Server
let endpoint = ''
const seen: {url: string | undefined; authorization: string | undefined}[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const {url, headers} = request
    seen.push({url, authorization: headers.authorization})
    if (url?.startsWith('/open/')) response.end(config)
    else if (url?.startsWith('/gated/')) {
      response.statusCode = headers.authorization === 'Bearer secret' ? 200 : 401
      response.end(config)
    } else if (url?.startsWith('/huge/')) response.end('x'.repeat(2_000_000))
    else if (url?.startsWith('/broken/')) {
      response.statusCode = 503
      response.end()
    } else {
      response.statusCode = 404
      response.end()
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

const analyze = (id: string) => {
  vi.stubEnv('HF_ENDPOINT', endpoint)
  return run('analyze', id, '--machine', 'h100-sxm', '--json')
}

describe('hub ids', () => {
  it.each(['org/name', 'org/name@v1.0', 'a-b/c.d_e'])('%s is one', (text) => expect(hubId(text)).toBeDefined())
  it.each([
    'name',
    'a/b/c',
    '../x',
    'a/..',
    'a/b?c',
    'a /b',
    `${'a'.repeat(97)}/b`,
    'a/b@../c',
    '',
  ])('%j is none', (text) => expect(hubId(text)).toBeUndefined())
})

describe('a model of the hub', () => {
  it('is fetched from HF_ENDPOINT', async () => {
    const {code, stdout} = await analyze('open/gpt2')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).result.model.parameters.total).toBe(124_439_808)
    expect(seen.at(-1)).toEqual({url: '/open/gpt2/resolve/main/config.json', authorization: undefined})
    await analyze('open/gpt2@v2')
    expect(seen.at(-1)!.url).toBe('/open/gpt2/resolve/v2/config.json')
  })

  it('is fetched with HF_TOKEN, or the token in HF_HOME', async () => {
    vi.stubEnv('HF_TOKEN', 'secret')
    expect((await analyze('gated/gpt2')).code).toBe(0)
    vi.stubEnv('HF_TOKEN', '')
    mkdirSync(box.path('huggingface'))
    writeFileSync(box.path('huggingface', 'token'), 'secret\n')
    expect((await analyze('gated/gpt2')).code).toBe(0)
  })

  it('comes from the local cache where it is there', async () => {
    const folder = box.path('huggingface', 'hub', 'models--open--gpt2')
    mkdirSync(`${folder}/refs`, {recursive: true})
    mkdirSync(`${folder}/snapshots/abc123`, {recursive: true})
    writeFileSync(`${folder}/refs/main`, 'abc123')
    writeFileSync(`${folder}/snapshots/abc123/config.json`, config)
    const before = seen.length
    expect((await analyze('open/gpt2')).code).toBe(0)
    expect(seen.length).toBe(before)
  })

  it.each([
    ['gated/gpt2', 'unreachable', /not open to everybody.*401/],
    ['missing/model', 'unknown-model', /the hub has no missing\/model/],
    ['broken/model', 'unreachable', /answers 503/],
    ['huge/model', 'bad-file', /more than 1000000 bytes/],
  ])('%s: %s', async (id, code, message) => {
    const {code: exit, stdout} = await analyze(id)
    expect(exit).toBe(3)
    expect(JSON.parse(stdout).error).toMatchObject({code, message: expect.stringMatching(message)})
    expect(stdout).not.toContain('secret')
  })

  it('is not fetched when HF_HUB_OFFLINE is set', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    const before = seen.length
    expect((await analyze('open/gpt2')).code).toBe(3)
    expect(seen.length).toBe(before)
  })
})
