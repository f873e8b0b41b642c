// What a person meets on the pages, in a real browser: `node pages.mjs URL DEMO`, where URL serves the log of `colophon demo`
// and DEMO is its folder.
//
// Follows links from the first page to a few pages of every shape, and fills in the forms whose answers are pages without
// an address. Looks at each in both colour schemes, on a narrow and a wide screen, from right to left and without scripts.
// Prints a line for each fault and ends with 1 if there was one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [base, demo] = process.argv.slice(2);
const modules = createRequire(path.join(process.env.COLOPHON_NODE_MODULES, 'none.js'));
const { chromium } = modules('playwright-core');
const axe = readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');

// Pages of one shape that are looked at; the rest differ in their words only.
const OF_A_SHAPE = 3;
const WEIGHT = 50_000;
// Every shape that the demo has: a page that no link leads to any more is a fault too.
const SHAPES = ['/', '/?', '/r', '/m', '/d', '/p', '/a', '/agreements', '/findings', '/f', '/ask', '/verify', '/docs'];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let faults = 0;
const fault = (...words) => { faults += 1; console.log(words.join(' ')); };

const browser = await chromium.launch({
  executablePath: process.env.COLOPHON_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

// What the demo's wiki says of the estuary, the same as nobody wrote it, and an address, of which the wiki keyed none.
const WRITTEN = 'The lower estuary is a funnel, four kilometres wide at Gull Head and less than three hundred metres wide at '
  + 'Orrin Bridge. A funnel squeezes the tide, so the range grows on the way in: six metres at the mouth, nine and a half at '
  + 'the bridge.';
const NOT_WRITTEN = 'The lower estuary is a straight canal of one width, and its tide can be told by the clock of any parish '
  + 'church from here to the border.';

// The answers that have no address: the form is filled in and sent, as a reader does it, and the page says what it must.
const sent = (form, answer, field, value, shows, words) => ({
  name: `${form} ${answer}`,
  async open(page) {
    await page.goto(base + form);
    if (field === '#bundle') await page.setInputFiles(field, value);
    else await page.fill(field, value);
    await page.click(`form[action="${form}"] button:not(.plain)`);
    if (page.url() !== base + form) fault(this.name, 'what was sent is in the address', page.url());
    const said = await page.locator(shows).first().innerText();
    if (said !== words) fault(this.name, 'says', said);
  },
});
const ANSWERS = [
  sent('/ask', 'present', '#text', WRITTEN, '.answers .tag', 'present'),
  sent('/ask', 'absent', '#text', NOT_WRITTEN, '.answers .tag', 'absent'),
  sent('/ask', 'not covered', '#url', 'https://example.org/estuary', '.answers .tag', 'not-covered'),
  sent('/ask', 'refused', '#url', 'file:///etc/hosts', '[role=alert] strong', 'url'),
  sent('/verify', 'verified', '#bundle', path.join(demo, 'model-card.colophon.json'), '.verdict .word', 'Verified'),
  sent('/verify', 'changed', '#bundle', path.join(demo, 'bundles', 'tampered.colophon.json'), '.verdict .word',
    'Not verified: the checkpoint is not one of this log'),
  sent('/verify', 'no bundle', '#pasted', '{"mediaType": 1}', '.verdict .word', 'Not verified: this is not a bundle'),
];
const addressed = (address) => ({ name: address, open: (page) => page.goto(base + address) });

// As a reader's browser does it: the policy in force, every message and every request counted.
async function crawl() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on('console', (message) => {
    // That a form was refused is what the page says; statuses of addresses are looked at below.
    if (!/responded with a status of 4/.test(message.text())) fault('console', page.url(), message.text());
  });
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
      const isPage = /^\/($|\?|[rmdpaf]\/|agreements|findings|ask|verify|docs|search)/.test(next);
      if (isPage && !seen.has(next)) { seen.add(next); open.push(next); }
    }
  }
  for (const answer of ANSWERS) {
    await answer.open(page);
    const weight = (await page.content()).length;
    if (weight > WEIGHT) fault('weight', answer.name, weight);
  }
  await context.close();
  for (const shape of SHAPES) if (!shapes.has(shape)) fault('no page of the shape', shape);
  return [...found, '/r/999999999'];
}

async function look(visits, colorScheme, width) {
  // The checks are a script of ours, which the pages' own policy would rightly refuse.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
  const page = await context.newPage();
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const visit of visits) {
    const where = `${visit.name} ${colorScheme} ${width}`;
    await visit.open(page);
    if (await overflow() > 0) fault('wider than the screen', where);
    // What is folded is looked at too.
    await page.evaluate(() => document.querySelectorAll('details').forEach((folded) => { folded.open = true; }));
    if (await overflow() > 0) fault('wider than the screen, unfolded', where);
    await page.evaluate(axe);
    const { violations } = await page.evaluate((values) => axe.run(document, { runOnly: { type: 'tag', values } }), RULES);
    for (const { id, nodes } of violations) fault('axe', where, id, nodes.length, nodes[0].html.slice(0, 200));
    await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
    if (await overflow() > 0) fault('wider than the screen from right to left', where);
  }
  await context.close();
}

// Everything is there with scripts switched off: one heading, whatever is folded opens, and whatever can be pressed is on the
// screen.
async function withoutScripts(visits, width) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled: false });
  const page = await context.newPage();
  for (const visit of visits) {
    const where = `${visit.name} without scripts ${width}`;
    await visit.open(page);
    if (await page.locator('h1:visible').count() !== 1) fault('headings', where);
    if (await page.locator('script, noscript').count() > 0) fault('a script', where);
    const folded = page.locator('main details');
    if (await folded.count() > 0) {
      await folded.first().locator('summary').click();
      if (!await folded.first().locator(':scope > :not(summary)').first().isVisible()) fault('stays folded', where);
    }
    for (const box of await page.locator('main button:visible, main input:visible, main textarea:visible').all()) {
      const { x, width: wide } = await box.boundingBox();
      if (x < 0 || x + wide > width) fault('beyond the screen', where, await box.evaluate((e) => e.outerHTML.slice(0, 80)));
    }
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

// The search leads to what it names, with scripts switched off.
async function search() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${base}/`);
  await page.fill('#q', '0');
  await page.click('form[role=search] button');
  if (!page.url().endsWith('/r/0')) fault('search', page.url());
  await context.close();
}

try {
  const addresses = await crawl();
  const visits = [...addresses.map(addressed), ...ANSWERS];
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) await look(visits, colorScheme, width);
  }
  // What is left of a wide screen at 200 %.
  await look(visits, 'light', 640);
  for (const width of [320, 1280]) await withoutScripts(visits, width);
  await keyboard();
  await search();
  console.log(`${visits.length} pages, ${faults} faults`);
} finally {
  await browser.close();
}
process.exit(faults === 0 ? 0 : 1);
