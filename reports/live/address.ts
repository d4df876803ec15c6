/**
 * The state of a page as the part of its address behind `#`, and back. An address comes from outside: what it names has to be there,
 * numbers have to make sense, texts are short, and the rest is passed over.
 */
import {type OperatorClass, operatorClasses} from '../chart/classes.ts'
import type {ViewState} from '../view.ts'
import {fromHash, type Settings, toHash} from './settings.ts'

/** How a table is sorted and filtered. */
export interface TableState {
  readonly sort?: {readonly column: string; readonly descending: boolean} | undefined
  readonly filter: string
}

/** The part of the roofline that is shown: intensities and rates from low to high. */
export type Zoom = readonly [x: readonly [number, number], y: readonly [number, number]]

/** What a reader has chosen besides the settings of the engine. */
export interface Look {
  readonly picked: string
  readonly view: ViewState
  readonly zoom: Zoom | undefined
  /** by the name of the table */
  readonly tables: Readonly<Record<string, TableState>>
  /** id of the section that was gone to; empty: none */
  readonly section: string
  /** `undefined` follows the system */
  readonly theme: 'light' | 'dark' | undefined
}

/** What an address may name: it depends on the document. */
export interface Named {
  /** what is on where the address says nothing */
  readonly defaults: ViewState
  readonly operators: readonly string[]
  readonly ceilings: readonly string[]
  readonly levels: readonly string[]
}

/** Longer addresses are no state of a page: they are cut off. */
const LONGEST = 16_000
/** Longest text that a search or a filter takes from an address. */
const LONGEST_TEXT = 200
/** Names of tables and columns are ours: short words. */
const WORD = /^[\w-]{1,40}$/
const groups: readonly ViewState['group'][] = ['operator', 'layer', 'kind', 'class']

const known = (id: string): id is OperatorClass => operatorClasses.some((c) => c.id === id)

const text = (value: string | null): string => (value ?? '').slice(0, LONGEST_TEXT)

/** Four positive numbers that span more than nothing; anything else is no zoom. */
function readZoom(value: string | null): Zoom | undefined {
  const numbers = (value ?? '').split('_').map(Number)
  const [x0, x1, y0, y1] = numbers
  const fine = (low: number | undefined, high: number | undefined) =>
    low !== undefined && high !== undefined && low > 1e-30 && high < 1e30 && high / low > 1.0001
  if (numbers.length !== 4 || !fine(x0, x1) || !fine(y0, y1)) return undefined
  return [
    [x0!, x1!],
    [y0!, y1!],
  ]
}

const number = (value: number): string => String(Number(value.toPrecision(5)))

/** Settings and look as the part of an address behind `#`; empty where nothing is changed. */
export function toAddress(settings: Settings, look: Look, {defaults}: Pick<Named, 'defaults'>): string {
  const pairs: [string, string][] = []
  const {view, zoom} = look
  const say = (name: string, value: string) => value !== '' && pairs.push([name, value])
  say('pick', look.picked)
  if (zoom) say('zoom', zoom.flat().map(number).join('_'))
  say('level', view.level)
  if (view.levels) say('levels', '1')
  if (view.isolated !== '') say('only', '1')
  if (view.moves) say('moves', '1')
  for (const id of view.ceilings) if (!defaults.ceilings.includes(id)) say('on', id)
  for (const id of defaults.ceilings) if (!view.ceilings.includes(id)) say('off', id)
  for (const id of view.hidden) say('hide', id)
  say('find', view.search.trim())
  if (view.group !== defaults.group) say('bars', view.group)
  for (const [name, {sort, filter}] of Object.entries(look.tables)) {
    if (sort) say(`sort-${name}`, `${sort.descending ? '-' : ''}${sort.column}`)
    say(`filter-${name}`, filter.trim())
  }
  say('theme', look.theme ?? '')
  say('at', look.section)
  const rest = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return [toHash(settings), ...rest].filter((part) => part !== '').join('&')
}

/** The settings of an address: the engine says which of them make sense. */
export const settingsOf = (hash: string): Settings => fromHash(hash.slice(0, LONGEST))

/** What an address says besides the settings, as far as the document has what it names. */
export function lookOf(hash: string, {defaults, operators, ceilings, levels}: Named): Look {
  const given = new URLSearchParams(hash.slice(0, LONGEST).replace(/^#/, ''))
  const get = (name: string) => given.get(name)
  const [pick, level, bars, theme, section] = ['pick', 'level', 'bars', 'theme', 'at'].map((name) => get(name) ?? '')
  const picked = operators.includes(pick!) ? pick! : ''
  const [on, off] = [given.getAll('on'), given.getAll('off')]
  const tables: Record<string, TableState> = {}
  for (const [name, value] of given) {
    const [, what, table] = /^(sort|filter)-(.+)$/.exec(name) ?? []
    if (!what || !table || !WORD.test(table)) continue
    const column = value.replace(/^-/, '')
    const old = tables[table] ?? {filter: ''}
    if (what === 'filter') tables[table] = {...old, filter: text(value)}
    else if (WORD.test(column)) tables[table] = {...old, sort: {column, descending: value.startsWith('-')}}
  }
  return {
    picked,
    view: {
      ceilings: ceilings.filter((id) => (defaults.ceilings.includes(id) ? !off.includes(id) : on.includes(id))),
      hidden: [...new Set(given.getAll('hide').filter(known))],
      moves: get('moves') === '1',
      level: levels.includes(level!) ? level! : '',
      levels: get('levels') === '1',
      search: text(get('find')),
      isolated: get('only') === '1' ? picked : '',
      group: groups.find((name) => name === bars) ?? defaults.group,
    },
    zoom: readZoom(get('zoom')),
    tables,
    section: WORD.test(section!) ? section! : '',
    theme: theme === 'light' || theme === 'dark' ? theme : undefined,
  }
}
