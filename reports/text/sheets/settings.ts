/** Values in force and where each comes from. */
import type {Sheet} from '../sheet.ts'

export interface SettingRow {
  readonly name: string
  readonly value: string | number | boolean | null
  readonly source: string
}

export function settingsSheet(rows: readonly SettingRow[]): Sheet<SettingRow> {
  return {
    rows,
    columns: [
      {title: 'setting', key: 'name', text: (r) => r.name, raw: (r) => r.name, drop: 0},
      {title: 'value', key: 'value', text: (r) => String(r.value ?? '–'), raw: (r) => r.value, drop: 0},
      {title: 'from', key: 'source', text: (r) => r.source, raw: (r) => r.source, drop: 0},
    ],
  }
}
