// SPDX-License-Identifier: Apache-2.0
// Signs in to Open WebUI, types one message into its page and prints the answer that it shows.
import { chromium } from "playwright-core";

const [executablePath, url, email, password, question] = process.argv.slice(2);
const timeout = 300_000;
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
  timeout,
});
try {
  const context = await browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(timeout);
  const page = await context.newPage();
  await page.goto(`${url}/auth`);
  await page.locator("input[type=email]").fill(email);
  await page.locator("input[type=password]").fill(password);
  await page.locator("button[type=submit]").click();
  const composer = page.locator("#chat-input");
  await composer.waitFor();
  await composer.click();
  await page.keyboard.type(question);
  await page.keyboard.press("Enter");
  await page.locator(".copy-response-button").waitFor();
  const shown = async (one) => (await page.locator(one).innerText()).trim();
  const said = { question: await shown(".chat-user"), answer: await shown(".chat-assistant") };
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}
