/** The look that all charts share. Colours come from the signal `theme`, so that dark and light need no second spec. */
import type {Config} from 'vega-lite'
import {chartThemes, fontFamily} from './theme.ts'

export const themeParam = {name: 'theme', value: chartThemes.light} as const

/** Text is 12 px or more everywhere; charts are drawn at their size on the page and never scaled down. */
export const chartConfig: Config = {
  font: fontFamily,
  background: {expr: 'theme.surface'},
  view: {stroke: null},
  axis: {
    labelFontSize: 12,
    // where labels give way to each other, what stays is apart
    labelSeparation: 8,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelColor: {expr: 'theme.muted'},
    titleColor: {expr: 'theme.muted'},
    gridColor: {expr: 'theme.grid'},
    domainColor: {expr: 'theme.muted'},
    tickColor: {expr: 'theme.muted'},
  },
  legend: {
    labelFontSize: 12,
    titleFontSize: 12,
    labelColor: {expr: 'theme.ink'},
    titleColor: {expr: 'theme.muted'},
    orient: 'bottom',
    symbolSize: 110,
  },
  text: {fontSize: 12},
}
