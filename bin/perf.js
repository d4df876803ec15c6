#!/usr/bin/env node
import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {main} from '../dist/perf.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
await main(process.argv.slice(2), root, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
