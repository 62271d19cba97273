// Looks at pages in a browser, for the tests: reads {"looks": [{"file": …, "windows": […]}], …} from
// standard input and prints what it saw of each page at each width.
//
// The browser can reach nothing: every name it could look up is refused, and every request beside
// that of the page itself is counted and cut off. Pages of a server on 127.0.0.1, which "enter" names, may load what
// is the server's own.
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import path from 'node:path'

const require = createRequire(import.meta.url)
const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../node_modules')

// The browser comes packed and is unpacked once, to where only this checkout looks.
const { version } = JSON.parse(await readFile(path.join(modules, '@sparticuz/chromium/package.json'), 'utf8'))
process.env.TMPDIR = path.join(modules, '.cache', 'chromium-' + version)
await mkdir(process.env.TMPDIR, { recursive: true })
const { default: chromium } = await import('@sparticuz/chromium')
const { default: puppeteer } = await import('puppeteer-core')
chromium.setGraphicsMode = false

// A machine of the tests may have no Korean font. One from memory is no request.
const font = async weight => [String(weight), (await readFile(path.join(modules, `@fontsource/nanum-gothic/files/nanum-gothic-korean-${weight}-normal.woff2`))).toString('base64')]
const fonts = [await font(400), await font(700)]

const patience = 10 * 60 * 1000 // in ms: it only ends a hang
const job = JSON.parse(await text(process.stdin))
let browser
try {
  browser = await puppeteer.launch({
    timeout: patience,
    protocolTimeout: patience,
    executablePath: await chromium.executablePath(),
    headless: 'shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none', '--host-resolver-rules=MAP * ~NOTFOUND' + (job.enter ? ', EXCLUDE 127.0.0.1' : '')],
  })
} catch (error) {
  const missing = /error while loading shared libraries: (\S+)/.exec(error.message)
  console.error(
    missing
      ? `the browser of the tests needs ${missing[1].replace(/:$/, '')}, which this machine lacks: install the libraries of Chromium (Debian, Ubuntu: apt-get install libnss3)`
      : `the browser of the tests does not start: ${error.message}`,
  )
  process.exit(1)
}

const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8')

let own, base
if (job.enter) {
  const page = await browser.newPage()
  await page.goto(job.enter, { timeout: patience })
  await page.waitForFunction(path => location.pathname !== path, { timeout: patience }, new URL(job.enter).pathname)
  own = new URL(job.enter).origin + '/'
  base = new URL('.', page.url()).href
  await page.close()
}

async function look({ file, name: title, path: served, keys }, { name, width, height, dark, print, audit }) {
  const page = await browser.newPage()
  const seen = { page: title || path.basename(file), width: name, console: [], requests: [], dialogs: [] }
  page.on('console', message => seen.console.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => seen.console.push(`error: ${error.message}`))
  page.on('dialog', dialog => {
    seen.dialogs.push(dialog.message())
    dialog.dismiss()
  })
  const address = served ? base + served : pathToFileURL(file).href
  await page.setRequestInterception(true)
  page.on('request', request => {
    if (request.url() === address || (own && request.url().startsWith(own))) return request.continue()
    seen.requests.push(request.url())
    request.abort()
  })
  await page.setViewport({ width, height, isMobile: width < 600, hasTouch: width < 600, deviceScaleFactor: width < 600 ? 2 : 1 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }])
  if (print) await page.emulateMediaType('print')
  await page.evaluateOnNewDocument(fonts => {
    for (const [weight, data] of fonts) {
      document.fonts.add(new FontFace('Nanum Gothic', Uint8Array.from(atob(data), c => c.charCodeAt(0)), { weight }))
    }
  }, fonts)
  await page.goto(address, { waitUntil: 'load', timeout: patience })
  for (const { press, page: to, focus } of keys ?? []) {
    await page.keyboard.press(press)
    await page.waitForFunction(
      (to, focus) => document.readyState === 'complete' && (!to || location.pathname.endsWith('/' + to)) && (!focus || document.activeElement?.matches(focus)),
      { timeout: patience },
      to,
      focus,
    )
  }
  Object.assign(
    seen,
    await page.evaluate(() => {
      const visible = element => {
        const box = element.getBoundingClientRect()
        return box.width > 0 && box.height > 0
      }
      const wide = document.documentElement.clientWidth
      return {
        language: document.documentElement.lang,
        title: document.title,
        text: document.body.innerText,
        scripts: document.scripts.length,
        // The width of what is scrolled to, against that of the window.
        overflow: document.documentElement.scrollWidth - wide,
        height: document.documentElement.scrollHeight,
        beyond: [...document.querySelectorAll('main *, header *')]
          .filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest('.scroll') && !e.closest('thead'))
          .map(e => e.outerHTML.slice(0, 120)),
        headings: [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1])),
        images: [...document.querySelectorAll('svg')].map(svg => {
          const box = svg.getBoundingClientRect()
          return {
            name: svg.querySelector('title')?.textContent ?? '',
            description: svg.querySelector('desc')?.textContent ?? '',
            width: box.width,
            height: box.height,
            filled: [...svg.querySelectorAll('.fill')].filter(visible).length,
          }
        }),
        anchors: [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1)).filter(id => !document.getElementById(id)),
        elements: Object.fromEntries(
          [...document.querySelectorAll('*')]
            .map(e => `${e.localName} ${e.getAttributeNames().sort().join(' ')}`.trim())
            .reduce((count, name) => count.set(name, (count.get(name) ?? 0) + 1), new Map()),
        ),
        addresses: [...document.querySelectorAll('[href], [src], [action]')].map(e => e.getAttribute('href') ?? e.getAttribute('src') ?? e.getAttribute('action')).filter(a => !a.startsWith('#')),
        twice: [...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i),
      }
    }),
  )
  if (audit) {
    // Evaluated by the debugger: the page's own policy would let nothing run it.
    await page.evaluate(axe)
    seen.violations = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
      return violations.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`)
    })
  }
  if (print) {
    const pdf = Buffer.from(await page.pdf({ format: 'A4', preferCSSPageSize: true })).toString('latin1')
    seen.pages = [...pdf.matchAll(/\/Type\s*\/Page\b(?!s)/g)].length
  }
  if (job.pictures) {
    const picture = path.join(job.pictures, `${title || path.basename(file, '.html')}-${name}.png`)
    await page.screenshot({ path: picture, fullPage: true, captureBeyondViewport: true })
  }
  await page.close()
  return seen
}

const all = []
for (const one of job.looks) for (const window of one.windows) all.push(await look(one, window))
await browser.close()
process.stdout.write(JSON.stringify(all))
