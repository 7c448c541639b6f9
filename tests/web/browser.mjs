// SPDX-License-Identifier: Apache-2.0
// Chromium, watched: nothing may leave the server's address, break the page's policy or throw.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");

/** How long tests wait for what must come: on a machine that is busy. */
export const patienceMs = 120_000;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.DEEPSEEK_CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    timeout: patienceMs,
  });
}

/** A fresh profile with one page; `check()` says whether anything went wrong in it. */
export async function open(
  browser,
  server,
  { language = "en-GB", key, settings, path = "/", ...options } = {},
) {
  const context = await browser.newContext({
    locale: language,
    viewport: { width: 1100, height: 760 },
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  const wrong = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !/^(data|blob):/.test(url)) wrong.push(`asked for ${url}`);
  });
  page.on("pageerror", (error) => wrong.push(`threw ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (/Failed to load resource|net::ERR/.test(message.text())) return; // counted by who causes it
    wrong.push(`said ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push(`opened a dialogue: ${dialog.message()}`);
    dialog.dismiss();
  });
  await context.addInitScript(
    ({ key, settings }) => {
      if (key) sessionStorage.setItem("deepseek.key", key);
      if (settings) localStorage.setItem("deepseek.settings", JSON.stringify(settings));
      addEventListener("securitypolicyviolation", (event) =>
        console.error(
          `policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
        ),
      );
    },
    { key, settings },
  );
  await page.goto(server.url + path);
  return {
    page,
    context,
    wrong,
    async close() {
      const cookies = await context.cookies();
      await context.close();
      assert.deepEqual(cookies, [], "the page sets no cookies");
      assert.deepEqual(wrong, [], "nothing goes wrong in the page");
    },
  };
}

export const composer = (page) => page.locator("#message");
export const answers = (page) => page.locator(".message.assistant");

/** Sends a question; returns when it is in the chat. */
export async function send(page, text) {
  const questions = page.locator(".message.user");
  const before = await questions.count();
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await questions.nth(before).waitFor();
}

/** Waits until no answer runs. */
export async function settled(page) {
  await page.locator("button.send[type=submit]").waitFor();
}

/** Waits until `read` gives this value: a page shows what was asked of it a moment later. */
export async function becomes(read, expected, what) {
  const end = Date.now() + patienceMs;
  let seen;
  while (!isDeepStrictEqual((seen = await read()), expected) && Date.now() < end) await pause(50);
  assert.deepEqual(seen, expected, what);
}

/** Waits until this holds. */
export async function until(condition, what) {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`never came: ${what}`);
    await pause(50);
  }
}
