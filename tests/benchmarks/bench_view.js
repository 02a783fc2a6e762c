// Shows the slider in a page's <template> and drags it; bench_view.py reads the report.
//
//   node bench_view.js '{"url": ..., "chromium": ..., "zoom": 3, "seconds": 4}'
"use strict";
const { chromium } = require("../browser/node_modules/playwright-core");
const job = JSON.parse(process.argv[2]);

// From handing the HTML to a page that is open, as a notebook does, to the painted picture.
function display() {
  const html = document.querySelector("template").innerHTML;
  const painted = () => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  });
  return painted().then(async () => {
    const began = performance.now();
    document.body.appendChild(document.createRange().createContextualFragment(html));
    await Promise.all([...document.images].map((img) => img.decode()));
    await painted();
    return performance.now() - began;
  });
}

// When frames reached the screen, in ms, while the divider follows the mouse to and
// fro.  Read from the compositor's trace: requestAnimationFrame also counts frames
// that are dropped later.
async function drag(browser, page) {
  await page.locator("button", { hasText: `${job.zoom}\u00d7` }).click();
  const box = await page.locator(".rawkit-picture").boundingBox();
  const at = (x) => [box.x + x * box.width, box.y + box.height / 2];
  await page.mouse.move(...at(0.5));
  await page.mouse.down();
  const categories = ["-*", "disabled-by-default-devtools.timeline.frame"];
  await browser.startTracing(page, { categories });
  const end = Date.now() + 1000 * job.seconds, moves = [];
  for (let i = 0; Date.now() < end; i++) {
    moves.push(page.mouse.move(...at(0.5 + 0.4 * Math.sin(i / 30)))); // no mouse waits for a page
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
  const trace = JSON.parse(await browser.stopTracing());
  await Promise.all(moves);
  const frames = trace.traceEvents.filter((event) => event.name === "DrawFrame");
  return { width: box.width, frames: frames.map((event) => event.ts / 1000).sort((a, b) => a - b) };
}

(async () => {
  const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    await page.goto(job.url);
    const displayMs = await page.evaluate(display);
    process.stdout.write(JSON.stringify({ displayMs, ...(await drag(browser, page)) }));
  } finally {
    await browser.close();
  }
})();
