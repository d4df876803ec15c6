/// <reference lib="dom" />
/** The address of the page carries its state: written once it rests, read when the page opens and when somebody edits it. */
import type {ThemeName} from '../chart/theme.ts'
import {type Look, lookOf, settingsOf, toAddress} from '../live/address.ts'
import {type Settings, toHash} from '../live/settings.ts'
import type {PageState, Store} from './state.ts'

/** ms of rest: browsers take tens of ms to change an address, and limit how often it may be done. */
const REST = 200

const carried: readonly (keyof PageState)[] = [
  ...(['settings', 'picked', 'view', 'zoom', 'tables', 'section', 'theme', 'document'] as const),
]

/** Reads the address into the store, then keeps both the same. @param system the theme of the system */
export function followAddress(store: Store, system: () => ThemeName): void {
  const said = () => {
    const {settings, picked, view, zoom, tables, section, theme} = store.state
    const look: Look = {picked, view, zoom, tables, section, theme: theme === system() ? undefined : theme}
    return toAddress(settings, look, store.named)
  }
  /** the settings that stayed when the address asked for ones without sense */
  let kept: Settings | undefined
  const read = () => {
    const settings = settingsOf(location.hash)
    // an address without sense left its complaint behind
    if (toHash(settings) !== toHash(store.state.settings) || store.state.problem !== '') store.apply(settings)
    kept = store.state.problem === '' ? undefined : store.state.settings
    const {theme, ...look} = lookOf(location.hash, store.named)
    store.set({...look, theme: theme ?? system()})
  }
  const isState = () => location.hash === '' || location.hash.includes('=')
  if (isState()) read()
  else store.set({section: location.hash.slice(1)})

  let writing: ReturnType<typeof setTimeout> | undefined
  /** What was computed again is a step that Back undoes; how the page is looked at is none. */
  const write = () => {
    // an address without sense stays beside its complaint until something is computed: Back and Forward lead through it
    if (kept === store.state.settings) return
    const hash = said()
    const step = toHash(settingsOf(location.hash)) !== toHash(store.state.settings)
    try {
      const to = hash === '' ? location.pathname + location.search : `#${hash}`
      if (step) history.pushState(null, '', to)
      else history.replaceState(null, '', to)
    } catch {
      // pages without an origin of their own may refuse
      if (hash !== '') location.hash = hash
    }
  }
  store.listen((_state, changed) => {
    if (!carried.some((name) => changed.has(name))) return
    clearTimeout(writing)
    writing = setTimeout(write, REST)
  })
  addEventListener('hashchange', () => {
    const other = location.hash.replace(/^#/, '') !== said()
    if (isState() && (other || store.state.problem !== '')) read()
  })
}
