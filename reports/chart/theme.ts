/** Colours of the charts in both themes. Okabe and Ito's palette (2008, colour-blind safe), lightened for dark pages. */

export interface ChartTheme {
  readonly ink: string
  readonly muted: string
  readonly grid: string
  readonly surface: string
  readonly gutter: string
  readonly accent: string
  /** by operator class, in the order of `operatorClasses` */
  readonly classes: readonly string[]
  /** by memory class: weights, KV cache, activations, gradients, optimizer */
  readonly memory: readonly string[]
}

export const chartThemes = {
  light: {
    ink: '#14212e',
    muted: '#4d5c6b',
    grid: '#e4e8ec',
    surface: '#ffffff',
    gutter: '#f1f4f7',
    accent: '#b3261e',
    classes: ['#0072b2', '#d55e00', '#00805d', '#a5508a', '#5b6770', '#14212e'],
    memory: ['#0072b2', '#c98300', '#00805d', '#a5508a', '#5b6770'],
  },
  dark: {
    ink: '#eef2f6',
    muted: '#a9b5c1',
    grid: '#2b3641',
    surface: '#161d24',
    gutter: '#1e2730',
    accent: '#ff8a80',
    classes: ['#56b4e9', '#ff9d5c', '#3fcf9f', '#e39ac6', '#b6bfc8', '#eef2f6'],
    memory: ['#56b4e9', '#f0b429', '#3fcf9f', '#e39ac6', '#b6bfc8'],
  },
} as const satisfies Record<string, ChartTheme>

export type ThemeName = keyof typeof chartThemes

export const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
