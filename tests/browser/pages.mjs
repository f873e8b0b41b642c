// What a person meets on the pages, in a real browser: `node pages.mjs URL BUNDLE`.
//
// Follows links from the first page to a few pages of every shape, and looks at each in both colour schemes, on a narrow
// and a wide screen and from right to left. Prints a line for each fault and ends with 1 if there was one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [base, bundle] = process.argv.slice(2);
const modules = createRequire(path.join(process.env.COLOPHON_NODE_MODULES, 'none.js'));
const { chromium } = modules('playwright-core');
const axe = readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');

// Pages of one shape that are looked at; the rest differ in their words only.
const OF_A_SHAPE = 3;
const WEIGHT = 50_000;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let faults = 0;
const fault = (...words) => { faults += 1; console.log(words.join(' ')); };

const browser = await chromium.launch({
  executablePath: process.env.COLOPHON_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

// As a reader's browser does it: the policy in force, every message and every request counted.
async function crawl() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on('console', (message) => fault('console', page.url(), message.text()));
  page.on('pageerror', (error) => fault('error', page.url(), error));
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) fault('foreign request', page.url(), request.url());
  });
  const shapes = new Map();
  const found = [];
  const open = ['/'];
  const seen = new Set(open);
  while (open.length > 0) {
    const address = open.shift();
    const shape = address.replace(/\?.*/, '?').split('/').slice(0, 2).join('/');
    const count = shapes.get(shape) ?? 0;
    if (count === OF_A_SHAPE) continue;
    shapes.set(shape, count + 1);
    const response = await page.goto(base + address);
    if (response.status() !== 200) fault('status', address, response.status());
    const weight = (await response.body()).length;
    if (weight > WEIGHT) fault('weight', address, weight);
    found.push(address);
    for (const link of await page.$$eval('a[href^="/"]', (links) => links.map((a) => a.getAttribute('href')))) {
      const next = link.replace(/#.*/, '');
      const isPage = /^\/($|\?|[rmdp]\/|ask|verify|docs|search)/.test(next);
      if (isPage && !seen.has(next)) { seen.add(next); open.push(next); }
    }
  }
  await context.close();
  return [...found, '/r/999999999'];
}

async function look(addresses, colorScheme, width) {
  // The checks are a script of ours, which the pages' own policy would rightly refuse.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
  const page = await context.newPage();
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const address of addresses) {
    const where = `${address} ${colorScheme} ${width}`;
    await page.goto(base + address);
    if (await overflow() > 0) fault('wider than the screen', where);
    await page.evaluate(axe);
    const { violations } = await page.evaluate((values) => axe.run(document, { runOnly: { type: 'tag', values } }), RULES);
    for (const { id, nodes } of violations) fault('axe', where, id, nodes.length, nodes[0].html.slice(0, 200));
    await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
    if (await overflow() > 0) fault('wider than the screen from right to left', where);
  }
  await context.close();
}

// The skip link comes first and leads to the content; whatever has the focus shows it.
async function keyboard() {
  const page = await browser.newPage();
  await page.goto(`${base}/`);
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement.className);
  if (first !== 'skip') fault('keyboard', 'the first stop is', first);
  const stops = await page.$$eval('a[href], button, input, select, textarea, summary', (all) => all.length);
  for (let i = 0; i < Math.min(stops, 40); i += 1) {
    const [shown, tag] = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return [style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, document.activeElement.outerHTML.slice(0, 80)];
    });
    if (!shown) fault('keyboard', 'no visible focus on', tag);
    await page.keyboard.press('Tab');
  }
  await page.goto(`${base}/`);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  if (await page.evaluate(() => document.activeElement.id) !== 'main') fault('keyboard', 'the skip link leads elsewhere');
  await page.close();
}

// Each form, filled in and sent with scripts switched off.
async function forms() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const heading = () => page.locator('h1').first().innerText();
  await page.goto(`${base}/`);
  await page.fill('#q', '0');
  await page.click('form[role=search] button');
  if (!page.url().endsWith('/r/0')) fault('search', page.url());
  await page.goto(`${base}/ask`);
  await page.fill('#text', 'A paragraph that nobody ever wrote before this test did, and that is long enough to be asked for.');
  await page.click('form[action="/ask"] button');
  if (page.url() !== `${base}/ask`) fault('ask', 'the text is in the address', page.url());
  const words = await page.locator('.answers .tag').allInnerTexts();
  const known = ['present', 'absent', 'not-covered', 'unknown', 'invalid'];
  if (words.length === 0 || !words.every((word) => known.includes(word))) fault('ask', await heading(), words);
  await page.goto(`${base}/verify`);
  await page.setInputFiles('#bundle', bundle);
  await page.click('form[action="/verify"] button');
  const verdict = await page.locator('.verdict .word').innerText();
  if (verdict !== 'Verified') fault('verify', verdict);
  await context.close();
}

try {
  const addresses = await crawl();
  if (addresses.length < 12) fault('only', addresses.length, 'pages were found:', addresses.join(' '));
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) await look(addresses, colorScheme, width);
  }
  // What is left of a wide screen at 200 %.
  await look(addresses, 'light', 640);
  await keyboard();
  await forms();
  console.log(`${addresses.length} pages, ${faults} faults`);
} finally {
  await browser.close();
}
process.exit(faults === 0 ? 0 : 1);
