// Opens pages in a real Chromium: for each line of JSON on standard input ({id, url, seconds, upload})
// a page in a window and a profile of its own. When the page's promise `finished` is fulfilled, the
// page is closed, with no farewell, and {id, told, errors} is printed: what the promise came to, and
// what nobody caught in the page.

import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executablePath, userDataDir] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath,
  userDataDir,
  headless: true,
  args: [
    "--no-sandbox", // root has none; every page is ours, on the loopback
    "--disable-gpu",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    // Nobody looks at any of the windows; each plays as if somebody did.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
  ],
});

async function visit({ url, seconds, upload }) {
  const context = await browser.createBrowserContext();
  const errors = [];
  let patience;
  try {
    const page = await context.newPage();
    if (upload) await page.emulateNetworkConditions({ upload, download: -1, latency: 0 });
    page.on("pageerror", (error) => errors.push(`${error.stack ?? error}`));
    const late = new Promise((_, reject) => {
      patience = setTimeout(() => reject(new Error(`not finished within ${seconds} s`)), 1000 * seconds).unref();
    });
    const finished = page.goto(url).then(() => page.evaluate(() => window.finished));
    return { told: await Promise.race([finished, late]), errors };
  } catch (error) {
    return { errors: [...errors, `${error.stack ?? error}`], told: null };
  } finally {
    clearTimeout(patience);
    await context.close();
  }
}

async function tell({ id, ...page }) {
  process.stdout.write(`${JSON.stringify({ id, ...(await visit(page)) })}\n`);
}

const told = [];
for await (const line of createInterface({ input: process.stdin })) told.push(tell(JSON.parse(line)));
await Promise.all(told);
await browser.close();
