// Opens one page in Chromium, drags what is there, and reports as JSON on stdout.
//
//   node drive.js '{"url": ..., "chromium": ..., "out": FOLDER, "run": true}'
//
// "run": a front end with a kernel; runs all cells first, uses the explorer last.
//
// Screenshots go to FOLDER, named by what had just been done; test_browser.py
// compares them with the images that Python made.
"use strict";
const { chromium } = require("playwright-core");
const job = JSON.parse(process.argv[2]);
const report = { shots: [], requests: [], faults: [] };
let page;

async function shot(name, element) {
  const path = `${job.out}/${name}.png`;
  await page.waitForTimeout(80); // one painted frame after the last event
  if (element) {
    // pictures are painted at whole pixels, wherever the layout would have them
    await element.scrollIntoViewIfNeeded();
    const box = await element.boundingBox();
    const clip = { x: Math.round(box.x), y: Math.round(box.y), width: box.width, height: box.height };
    await page.screenshot({ path, clip });
  } else {
    await page.screenshot({ path });
  }
  report.shots.push(name);
}

// where the dividers stand, as fractions of the picture
function dividers(slider) {
  return slider.evaluate((root) => {
    const box = root.querySelector(".rawkit-picture").getBoundingClientRect();
    return [...root.querySelectorAll(".rawkit-divider")].map((divider) =>
      (divider.getBoundingClientRect().left - box.left) / box.width);
  });
}

// the middle of the lens's frame, as a fraction of the picture's width
function lens(slider) {
  return slider.evaluate((root) => {
    const box = root.querySelector(".rawkit-picture").getBoundingClientRect();
    const mark = root.querySelector(".rawkit-mark").getBoundingClientRect();
    return (mark.left + mark.width / 2 - box.left) / box.width;
  });
}

async function dragSlider(slider) {
  const picture = slider.locator(".rawkit-picture");
  await picture.scrollIntoViewIfNeeded();
  await shot("start", picture);
  report.lens = await lens(slider);
  const box = await picture.boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  report.size = [box.width, box.height];
  report.sources = await slider.locator("img").evaluateAll((all) => all.map((img) => img.src));

  const [from] = await dividers(slider);
  await page.mouse.move(...at(from, 0.5));
  await page.mouse.down();
  for (let i = 1; i <= 20; i++) await page.mouse.move(...at(from + (0.25 - from) * i / 20, 0.5));
  await page.mouse.up();
  report.mouse = await dividers(slider);
  await shot("mouse", picture);

  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowLeft");
  await page.waitForTimeout(80);
  report.keyboard = await dividers(slider);
  await shot("keyboard", picture);

  await page.keyboard.press("1");
  await shot("alone", picture);
  await page.keyboard.press("2");
  await shot("second", picture);
  await page.keyboard.press("0");

  // a finger, as the browser itself sees one
  const browser = await page.context().newCDPSession(page);
  await browser.send("Emulation.setTouchEmulationEnabled", { enabled: true });
  const finger = (type, ...place) => browser.send("Input.dispatchTouchEvent", {
    type, touchPoints: place.map(([x, y]) => ({ x, y })),
  });
  await page.waitForTimeout(80); // painted anew after the key
  const [touched] = await dividers(slider);
  await finger("touchStart", at(touched, 0.5));
  for (let i = 1; i <= 20; i++) await finger("touchMove", at(touched + (0.4 - touched) * i / 20, 0.5));
  await finger("touchEnd");
  await browser.send("Emulation.setTouchEmulationEnabled", { enabled: false });
  await page.waitForTimeout(80);
  report.touch = await dividers(slider);
  await shot("touch", picture);
  report.others = [];
  for (const other of (await page.locator(".rawkit-compare[data-live]").all()).slice(1, 2)) {
    report.others.push(await dividers(other));
  }
}

// What one meets without a mouse: a finger that scrolls, paging keys, forced colors, 390 pixels.
async function driveDetails(slider) {
  const picture = slider.locator(".rawkit-picture");
  await picture.scrollIntoViewIfNeeded();
  await slider.locator(".rawkit-divider").first().focus();
  report.paged = [await dividers(slider)];
  for (const key of ["PageUp", "PageDown", "PageDown"]) {
    await page.keyboard.press(key);
    await page.waitForTimeout(80);
    report.paged.push(await dividers(slider));
  }

  const browser = await page.context().newCDPSession(page);
  await browser.send("Emulation.setTouchEmulationEnabled", { enabled: true });
  const finger = (type, ...points) => browser.send("Input.dispatchTouchEvent", {
    type, touchPoints: points.map(([x, y]) => ({ x, y })),
  });
  const state = async () => ({
    dividers: await dividers(slider), lens: await lens(slider),
    top: await page.evaluate(() => scrollY),
  });
  await page.evaluate(() => scrollTo(0, 0));
  const box = await picture.boundingBox();
  const x = box.x + 0.9 * box.width, y = box.y + 0.8 * box.height;
  report.swipe = [await state()];
  await finger("touchStart", [x, y]);
  for (let i = 1; i <= 20; i++) await finger("touchMove", [x + 0.1 * i, y - 12 * i]);
  await finger("touchEnd");
  await page.waitForTimeout(300);
  report.swipe.push(await state());
  await page.evaluate(() => scrollTo(0, 0));
  await finger("touchStart", [x, y]);
  await finger("touchEnd");
  await page.waitForTimeout(300);
  report.tap = await state();
  await browser.send("Emulation.setTouchEmulationEnabled", { enabled: false });

  const background = (pressed) => slider.locator(`button[aria-pressed=${pressed}]`).first()
    .evaluate((button) => getComputedStyle(button).backgroundColor);
  await page.emulateMedia({ forcedColors: "active" });
  report.forced = [await background(true), await background(false)];
  await shot("forced", slider);
  await page.emulateMedia({ forcedColors: "none" });

  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await page.waitForTimeout(300);
  report.narrow = await page.evaluate(() => document.documentElement.scrollWidth);
  report.lenses = await slider.locator(".rawkit-lens").evaluateAll((all) =>
    all.map((one) => one.getBoundingClientRect().top));
  await shot("narrow");
}

// Now and then a front end says that its kernel is idle, and what it is told to run is lost.
async function runAll() {
  try {
    await runCells(60000);
  } catch (error) {
    await page.reload();
    await runCells(120000);
  }
}

async function runCells(timeout) {
  // JupyterLab and Notebook 7 have the same menu; a fresh server has a fresh kernel
  await page.locator(".jp-Notebook-cell, .jp-Cell").first().waitFor();
  await page.waitForFunction(() => {
    const name = document.querySelector(".jp-Toolbar-kernelName, .jp-KernelName");
    const status = document.querySelector(".jp-Notebook-ExecutionIndicator");
    return name && /Python/.test(name.textContent) && status && status.dataset.status === "idle";
  });
  await page.locator(".lm-MenuBar-item", { hasText: /^Run$/ }).click();
  await page.locator(".lm-Menu-item", { hasText: /^Run All Cells$/ }).click();
  // the last output may not be drawn before it is scrolled to
  await page.waitForFunction(() => {
    const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")];
    if (cells.length) cells[cells.length - 1].scrollIntoView();
    return document.body.innerText.includes("end of page 2");
  }, null, { timeout });
}

// JupyterLab keeps only the cells near the visible ones in the page
async function findSlider() {
  const slider = page.locator(".rawkit-compare[data-live]").first();
  for (let i = 0; job.run && i < 100 && !(await slider.isVisible()); i++) {
    await page.evaluate((top) => {
      const panel = document.querySelector(".jp-WindowedPanel-outer");
      if (panel) panel.scrollTop = top;
    }, 400 * i);
    await page.waitForTimeout(100);
  }
  return slider;
}

async function driveExplorer() {
  const slider = page.locator(".jupyter-widgets .rawkit-compare[data-live]").first();
  await slider.waitFor();
  const before = await slider.locator("img").first().getAttribute("src");
  await page.locator(".widget-slider").first().scrollIntoViewIfNeeded();
  await shot("explorer");
  const track = await page.locator(".widget-slider .noUi-target").first().boundingBox();
  const started = Date.now();
  await page.mouse.click(track.x + track.width / 2, track.y + track.height / 2);
  await page.waitForFunction((src) => {
    const img = document.querySelector(".jupyter-widgets .rawkit-compare[data-live] img");
    return img && img.getAttribute("src") !== src;
  }, before);
  report.explorerMs = Date.now() - started;
  report.explorerText = await page.locator(".widget-html-content").first().innerText();
  report.explorerLens = await lens(slider);
  await shot("explorer-next", slider.locator(".rawkit-picture"));
}

// The photograph's controls: half of its noise comes back, and a file goes up.
async function drivePhotograph(slider) {
  const controls = page.locator(".widget-slider").first();
  await controls.scrollIntoViewIfNeeded();
  const right = slider.locator("img").nth(1);
  const before = await right.getAttribute("src");
  const track = await page.locator(".widget-slider .noUi-target").first().boundingBox();
  await page.mouse.click(track.x + track.width / 2, track.y + track.height / 2);
  await page.waitForFunction((src) => {
    const images = document.querySelectorAll(".jupyter-widgets .rawkit-compare[data-live] img");
    return images.length > 1 && images[1].getAttribute("src") !== src;
  }, before);
  report.label = await slider.innerText();
  report.lens = await lens(slider);
  await shot("half", slider.locator(".rawkit-picture"));
  const chosen = page.waitForEvent("filechooser");
  await page.locator(".widget-upload, .jupyter-button:has-text('Upload')").first().click();
  await (await chosen).setFiles(job.upload);
  await page.waitForFunction(() => document.body.innerText.includes("kept night.dng"));
}

// A short look at the explorer, picture by picture, for the README.
async function filmExplorer() {
  await page.setViewportSize({ width: 1280, height: 1200 });
  const slider = page.locator(".jupyter-widgets .rawkit-compare[data-live]").first();
  await slider.waitFor();
  const box = page.locator(".widget-vbox").first();
  await box.scrollIntoViewIfNeeded();
  const look = () => shot(`look-${10 + report.shots.length}`, box);
  const choose = async (control, option) => {
    await page.locator(".widget-dropdown", { hasText: control }).first()
      .locator("select").selectOption(option);
    await page.waitForTimeout(1500);
  };
  await look();
  const picture = await slider.locator(".rawkit-picture").boundingBox();
  const to = (x) => page.mouse.move(picture.x + x * picture.width, picture.y + 0.6 * picture.height);
  await to(0.33);
  await page.mouse.down();
  for (const x of [0.2, 0.1, 0.2, 0.4, 0.55]) {
    await to(x);
    await look();
  }
  await page.mouse.up();
  await choose("left", "removed by denoised");
  await look();
  await choose("right", "error of denoised");
  await look();
}

(async () => {
  const browser = await chromium.launch({
    executablePath: job.chromium,
    args: ["--no-sandbox", "--force-color-profile=srgb"],
  });
  try {
    page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    page.setDefaultTimeout(60000);
    page.on("request", (request) => report.requests.push(request.url().slice(0, 200)));
    // the front ends have faults of their own
    if (!job.run) page.on("pageerror", (error) => report.faults.push(String(error)));
    page.on("dialog", (dialog) => dialog.accept()); // unsaved cells, before a reload
    await page.goto(job.url);
    if (job.run) await runAll();
    if (job.details) {
      await driveDetails(await findSlider());
    } else if (job.upload) {
      await drivePhotograph(await findSlider());
    } else if (job.film) {
      await filmExplorer();
    } else {
      await dragSlider(await findSlider());
      if (job.run && job.explorer) await driveExplorer();
    }
  } catch (error) {
    report.faults.push(String(error));
    if (page) await page.screenshot({ path: `${job.out}/failed.png` }).catch(() => {});
  }
  await browser.close();
  process.stdout.write(JSON.stringify(report));
})();
