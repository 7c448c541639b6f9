// SPDX-License-Identifier: Apache-2.0
// Conversations in the page: streaming, stopping, branches, coming back, keys, history.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, becomes, composer, launch, open, send, settled, until } from "./browser.mjs";
import { Server, Tunnel } from "./server.mjs";

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const short = { max_tokens: 24, seed: 1, thinking: "off" };
const long = { ...short, max_tokens: 20_000 };
const textOf = (page) => answers(page).last().locator("> .markdown").innerText();

/** The last answer after a reload: what the server holds. */
async function shownAgain(page) {
  await page.reload();
  await answers(page).last().waitFor();
  await settled(page);
  return textOf(page);
}

test("an answer streams and is in the chat at its end", async (t) => {
  const tunnel = await Tunnel.open(server.port);
  t.after(() => tunnel.close());
  const tab = await open(browser, tunnel, { settings: { ...short, max_tokens: 400 } });
  const { page } = tab;
  tunnel.slow = true;
  await send(page, "Hello <b>there</b>");
  const question = page.locator(".message.user .bubble");
  await becomes(() => question.innerText(), "Hello <b>there</b>");
  await page.locator("button[aria-label=Stop]").waitFor();
  const first = (await textOf(page)).length;
  await until(async () => (await textOf(page)).length > first, "more of the answer");
  tunnel.slow = false;
  await settled(page);
  assert.match(page.url(), /#\/chat\/conv_/);
  await becomes(() => page.locator(".chat-row").first().innerText(), "Hello <b>there</b>");
  await page.locator(".figures", { hasText: "400 tokens" }).waitFor();
  await page.getByText("The answer reached its longest length.").waitFor();
  assert.equal(await textOf(page), await shownAgain(page));
  await tab.close();
});

test("Esc stops an answer, what came of it stays", async () => {
  const tab = await open(browser, server, { settings: long });
  const { page } = tab;
  await send(page, "Go on and on");
  await until(async () => (await textOf(page)).length > 20, "some of the answer");
  await page.locator(".meter", { hasText: "tokens/s" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".end-note", { hasText: "Stopped." }).waitFor();
  await settled(page);
  assert.ok((await textOf(page)).length > 20);
  await tab.close();
});

test("an answer that streams is read on after a reload", async () => {
  const tab = await open(browser, server, { settings: long });
  const { page } = tab;
  await send(page, "Talk while I am away");
  await until(async () => (await textOf(page)).length > 20, "some of the answer");
  const before = await textOf(page);
  await page.reload();
  await until(async () => (await textOf(page)).length > before.length, "the answer, read on");
  await page.locator("button[aria-label=Stop]").click();
  await page.locator(".end-note", { hasText: "Stopped." }).waitFor();
  assert.equal(await textOf(page), await shownAgain(page), "nothing is missing");
  await tab.close();
});

test("a broken connection is made again where it was", async (t) => {
  const tunnel = await Tunnel.open(server.port);
  t.after(() => tunnel.close());
  const tab = await open(browser, tunnel, { settings: { ...short, max_tokens: 600 } });
  const { page } = tab;
  tunnel.slow = true;
  await send(page, "Through a tunnel");
  await until(async () => (await textOf(page)).length > 20, "some of the answer");
  const chat = page.url().split("/").at(-1);
  tunnel.shut = true;
  assert.ok(tunnel.cut() > 0);
  await page.getByText("Connection lost. Reconnecting…").waitFor();
  tunnel.shut = tunnel.slow = false;
  await settled(page);
  const { messages } = await server.ask(`/web/chats/${chat}`);
  assert.equal(messages.at(-1).details.state, "done");
  await until(async () => {
    const shown = await page.evaluate(() => document.querySelector(".figures")?.textContent);
    return shown?.includes(String(messages.at(-1).details.usage.completion_tokens));
  }, "the end of the answer");
  assert.equal(await textOf(page), await shownAgain(page));
  await tab.close();
});

test("two pages may look at one answer", async () => {
  const tab = await open(browser, server, { settings: { ...short, max_tokens: 600 } });
  const { page, context } = tab;
  await send(page, "To both of you");
  await until(async () => (await textOf(page)).length > 20, "some of the answer");
  const other = await context.newPage();
  await other.goto(page.url());
  for (const one of [page, other]) {
    await one.locator(".figures", { hasText: "600 tokens" }).waitFor();
    await settled(one);
  }
  await becomes(() => textOf(other), await textOf(page));
  await tab.close();
});

test("answers and questions branch, and each branch can be shown", async () => {
  const tab = await open(browser, server, { settings: { max_tokens: 24, thinking: "off" } });
  const { page } = tab;
  await send(page, "first");
  await settled(page);
  const one = await textOf(page);
  await page.getByRole("button", { name: "Answer again" }).click();
  await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
  await settled(page);
  const two = await textOf(page);
  assert.notEqual(one, two, "another seed");
  await page.getByRole("button", { name: "Previous version" }).click();
  await page.getByRole("group", { name: "Version 1 of 2" }).waitFor();
  await becomes(() => textOf(page), one);

  await page.locator(".message.user").hover();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByLabel("Edit the message").fill("second");
  await page.keyboard.press("Enter");
  await page.locator(".bubble", { hasText: "second" }).waitFor();
  await settled(page);
  await page.getByRole("button", { name: "Previous version" }).first().click();
  await page.locator(".bubble", { hasText: "first" }).waitFor();
  await tab.close();
});

test("a conversation is continued in a chat of its own", async () => {
  const chat = await server.chat("Long", [
    { role: "user", content: "one" },
    { role: "assistant", content: "two" },
    { role: "user", content: "three" },
    { role: "assistant", content: "four" },
  ]);
  const tab = await open(browser, server, { path: `/#/chat/${chat}` });
  const { page } = tab;
  await page.getByRole("button", { name: "Continue in a new chat" }).first().click();
  await page.waitForURL((url) => !url.hash.endsWith(chat) && url.hash.includes("conv_"));
  await page.getByText("four").waitFor({ state: "detached" });
  await becomes(() => answers(page).count(), 1);
  assert.equal((await server.ask(`/web/chats/${page.url().split("/").at(-1)}`)).messages.length, 2);
  await tab.close();
});

test("a hit of a search is scrolled to", async () => {
  const talk = Array.from({ length: 30 }, (_, i) => ({
    role: i % 2 ? "assistant" : "user",
    content: `line ${i}\n\n`.repeat(6),
  }));
  talk[3].content = "the needle is here";
  await server.chat("Haystack", talk);
  const tab = await open(browser, server);
  const { page } = tab;
  await page.getByLabel("Search chats").fill("needle");
  await page.locator(".hits a").click();
  await page.locator(".message", { hasText: "the needle is here" }).waitFor();
  await until(
    () =>
      page.evaluate(() => {
        const box = [...document.querySelectorAll(".message")]
          .find((one) => one.textContent.includes("needle"))
          .getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight;
      }),
    "the message in view",
  );
  await tab.close();
});

test("thoughts are folded and timed, and a budget ends them", async () => {
  const settings = { max_tokens: 240, seed: 1, thinking: "on", budget: 200 };
  const tab = await open(browser, server, { settings });
  const { page } = tab;
  await send(page, "think");
  await settled(page);
  const thoughts = page.locator(".reasoning");
  await becomes(() => thoughts.getAttribute("open"), null);
  assert.match(await thoughts.locator("> summary").innerText(), /Thought for [\d.]+ s/);
  await thoughts.locator("> summary").click();
  await thoughts.locator(".reasoning-text").waitFor({ state: "visible" });
  assert.ok((await textOf(page)).length > 0, "an answer follows");
  await tab.close();
});

test("settings go with the request and stay with the chat", async () => {
  const tab = await open(browser, server);
  const { page } = tab;
  await page.getByRole("button", { name: "Settings of this chat" }).click();
  await page.getByLabel("System prompt").fill("Be brief.");
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Longest answer (tokens)").fill("12");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Answer in JSON").check();
  await page.getByRole("button", { name: "Save" }).click();
  const asked = page.waitForRequest((request) => request.url().endsWith("/answers"));
  await send(page, "x");
  const body = (await asked).postDataJSON();
  assert.deepEqual(body.messages[0], { role: "system", content: "Be brief." });
  assert.equal(body.temperature, 0.5);
  assert.equal(body.max_tokens, 12);
  assert.equal(body.seed, 7);
  assert.deepEqual(body.response_format, { type: "json_object" });
  await settled(page);
  const chat = await server.ask(`/web/chats/${page.url().split("/").at(-1)}`);
  assert.equal(chat.settings.system, "Be brief.");
  assert.ok(chat.messages.at(-1).details.usage.completion_tokens <= 12);
  await tab.close();
});

test("chats are listed, found, renamed and deleted", async () => {
  const chat = await server.chat("旧标题", [
    { role: "user", content: "他说你好吗" },
    { role: "assistant", content: "A pangolin, I think." },
  ]);
  const tab = await open(browser, server);
  const { page } = tab;
  await page.getByLabel("Search chats").fill("你好");
  await page.locator(".hits a").first().click();
  await page.getByText("A pangolin, I think.").waitFor();
  await page.getByLabel("Search chats").fill("");
  await page.locator(".chat-row", { hasText: "旧标题" }).hover();
  await page.getByRole("button", { name: "Actions for “旧标题”" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("New title");
  await page.keyboard.press("Enter");
  await page.locator(".chat-row", { hasText: "New title" }).hover();
  await page.getByRole("button", { name: "Actions for “New title”" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.locator(".chat-row", { hasText: "New title" }).waitFor({ state: "detached" });
  const gone = () => server.ask(`/web/chats/${chat}`).then(() => false, ({ message }) => /404/.test(message));
  await becomes(gone, true, "the chat is deleted");
  await tab.close();
});

test("a temporary chat is kept nowhere", async () => {
  const tab = await open(browser, server, { settings: short });
  const { page } = tab;
  const before = (await server.ask("/web/chats")).chats.length;
  await page.getByRole("button", { name: "Temporary chat" }).click();
  await send(page, "between us");
  await settled(page);
  assert.ok((await textOf(page)).length > 0);
  assert.equal((await server.ask("/web/chats")).chats.length, before);
  await page.reload();
  await composer(page).waitFor();
  await becomes(() => answers(page).count(), 0);
  await tab.close();
});

test("an error is shown, and the question can be asked again", async () => {
  const tab = await open(browser, server, { settings: { max_tokens: 1_000_000 } });
  const { page } = tab;
  await send(page, "too much");
  await page.getByRole("alert").filter({ hasText: "maximum context length" }).waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await settled(page);
  await page.getByRole("button", { name: "Settings of this chat" }).click();
  await page.getByLabel("Longest answer (tokens)").fill("12");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".message.user").hover();
  await page.getByRole("button", { name: "Answer again" }).click();
  await answers(page).waitFor();
  await settled(page);
  await tab.close();
});
