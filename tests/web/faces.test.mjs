// SPDX-License-Identifier: Apache-2.0
// Both languages, both schemes of colour, narrow screens, the keyboard, keys, files, the operator.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { answers, becomes, composer, launch, open, send, settled } from "./browser.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
let chat;

before(async () => {
  server = await Server.start({
    keys: {
      alice: ["--currency", "CNY", "--prepaid", "--grant", "5"],
      operator: ["--currency", "CNY", "--scope", "chat", "--scope", "history", "--scope", "admin"],
      ci: ["--currency", "CNY", "--scope", "chat"],
    },
  });
  chat = await server.chat(
    "A chat",
    [
      { role: "user", content: "Show me code" },
      {
        role: "assistant",
        content: `\`\`\`js\n${"const longLine = 1; ".repeat(20)}\n\`\`\`\n\n| a | b |\n|--|--|\n| ${"x".repeat(90)} | 2 |`,
      },
    ],
    { key: server.secrets.alice },
  );
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const options = (more) => ({
  key: server.secrets.alice,
  settings: { max_tokens: 24, seed: 1 },
  ...more,
});

/** Waits until the control of this name has the focus. */
const focused = (page, name) =>
  page.waitForFunction((name) => {
    const element = document.activeElement;
    return (element.getAttribute("aria-label") ?? element.textContent) === name;
  }, name);

test("the key is asked for, kept as chosen, and forgotten", async () => {
  const tab = await open(browser, server);
  const { page } = tab;
  await page.getByLabel("API key").fill("sk-wrong");
  await page.getByRole("button", { name: "Use this key" }).click();
  await page.getByRole("alert").filter({ hasText: "not valid" }).waitFor();
  await page.getByLabel("API key").fill(server.secrets.alice);
  await page.getByRole("button", { name: "Use this key" }).click();
  await composer(page).waitFor();
  const stored = (where) => page.evaluate((where) => window[where].getItem("deepseek.key"), where);
  await becomes(() => stored("localStorage"), null);
  await page.getByRole("button", { name: "API key" }).click();
  await page.getByText("In use: alice").waitFor();
  await page.getByLabel("API key", { exact: true }).last().fill(server.secrets.alice);
  await page.getByLabel(/Remember it/).check();
  await page.getByRole("button", { name: "Use this key" }).click();
  await composer(page).waitFor();
  await becomes(() => stored("sessionStorage"), null);
  await becomes(() => stored("localStorage"), server.secrets.alice);
  await page.getByRole("button", { name: "API key" }).click();
  await page.getByRole("button", { name: "Forget the key" }).click();
  await page.getByText("This server asks for an API key.").waitFor();
  await tab.close();
});

test("cost and balance follow the answers", async () => {
  const tab = await open(browser, server, options());
  const { page } = tab;
  await page.locator(".balance", { hasText: "5.00" }).waitFor();
  await send(page, "what does this cost?");
  await settled(page);
  await page.locator(".meter", { hasText: /Cost: CN¥0\.\d*[1-9]/ }).waitFor();
  await page.locator(".balance", { hasText: "CN¥4." }).waitFor();
  await page.locator(".context meter").waitFor();
  await tab.close();
});

test("a key without the scope has temporary chats alone", async () => {
  const tab = await open(browser, server, options({ key: server.secrets.ci }));
  const { page } = tab;
  await page.getByText("This server keeps no chats").waitFor();
  await send(page, "hello");
  await settled(page);
  await becomes(() => answers(page).count(), 1);
  await tab.close();
});

test("the language is the browser's, until it is chosen", async () => {
  const tab = await open(browser, server, options({ language: "zh-CN" }));
  const { page } = tab;
  await page.getByText("想聊点什么？").waitFor();
  const language = () => page.evaluate(() => document.documentElement.lang);
  await becomes(language, "zh-CN");
  await page.getByRole("button", { name: "English" }).click();
  await page.getByText("What shall we talk about?").waitFor();
  await page.reload();
  await page.getByText("What shall we talk about?").waitFor();
  await becomes(language, "en");
  await tab.close();
});

test("both dictionaries say the same things", async () => {
  const { en } = await import("../../web/src/words/en.js");
  const { zh } = await import("../../web/src/words/zh.js");
  const shape = (words) =>
    Object.entries(words).map(
      ([name, value]) =>
        `${name}/${typeof value}/${value.length && typeof value === "function" ? value.length : ""}`,
    );
  assert.deepEqual(shape(zh), shape(en));
});

test("dark and light follow the system and the choice", async () => {
  const tab = await open(browser, server, options({ colorScheme: "dark" }));
  const { page } = tab;
  await composer(page).waitFor();
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await becomes(background, "rgb(22, 24, 29)");
  await page.getByRole("button", { name: "Appearance" }).click();
  await page.getByRole("menuitem", { name: "Light" }).click();
  await becomes(background, "rgb(255, 255, 255)");
  await page.reload();
  await composer(page).waitFor();
  await becomes(background, "rgb(255, 255, 255)");
  await tab.close();
});

test("360 pixels are wide enough", async () => {
  for (const path of ["/", `/#/chat/${chat}`]) {
    const tab = await open(
      browser,
      server,
      options({ path, viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true }),
    );
    const { page } = tab;
    await composer(page).waitFor();
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    await becomes(fits, true, `${path} is as wide as the screen`);
    await page.locator(".sidebar").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Open the list of chats" }).tap();
    await page.locator(".chat-row a").first().waitFor();
    await page.locator(".chat-row a").filter({ hasText: "A chat" }).first().tap();
    await page.locator(".sidebar").waitFor({ state: "hidden" });
    await page.locator(".code").waitFor();
    await becomes(fits, true, "code and tables scroll within themselves");
    await page.getByRole("button", { name: "Settings of this chat" }).tap();
    const inView = async () => {
      const box = await page.getByRole("dialog").boundingBox();
      return box !== null && box.x >= 0 && box.x + box.width <= 360;
    };
    await becomes(inView, true, "the dialogue fits");
    await tab.close();
  }
});

test("everything is reached with the keyboard", async () => {
  const tab = await open(browser, server, options());
  const { page } = tab;
  await focused(page, "Message");
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("alone");
  await becomes(() => composer(page).inputValue(), "by keyboard\nalone");
  await page.keyboard.press("Enter");
  await page.locator(".message.user").waitFor();
  await settled(page);
  await composer(page).focus();
  await page.keyboard.press("ArrowUp");
  await focused(page, "Edit the message");
  await page.keyboard.press("Escape");
  await page.locator(".bubble").waitFor();
  await page.keyboard.press("Control+k");
  await focused(page, "Search chats");
  await page.keyboard.press("Control+Shift+O");
  await page.getByText("What shall we talk about?").waitFor();
  await page.keyboard.press("Control+/");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.waitForFunction(() => document.activeElement.closest("dialog") !== null);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  // Tab comes by every control; all of them have a name.
  const names = new Set();
  for (let i = 0; i < 40; ++i) {
    await page.keyboard.press("Tab");
    names.add(
      await page.evaluate(() => {
        const element = document.activeElement;
        return (
          element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText
        );
      }),
    );
  }
  for (const name of [
    "New chat",
    "Search chats",
    "API key",
    "Appearance",
    "More",
    "Model",
    "Settings of this chat",
    "Message",
  ])
    assert.ok(
      [...names].some((one) => one?.startsWith(name)),
      `${name}, among ${[...names]}`,
    );
  assert.ok(![...names].includes(""), "every control has a name");
  await tab.close();
});

test("menus move with arrows and give the focus back", async () => {
  const tab = await open(browser, server, options());
  const { page } = tab;
  await page.getByRole("button", { name: "Appearance" }).focus();
  await page.keyboard.press("Enter");
  await focused(page, "✓ As the system");
  await page.keyboard.press("ArrowDown");
  await focused(page, "Light");
  await page.keyboard.press("Escape");
  await focused(page, "Appearance");
  await tab.close();
});

/** A PDF of one page, with this ASCII text. */
function pdf(text) {
  const stream = `BT /F1 24 Tf 72 720 Td (${text}) Tj ET`;
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
    `<</Length ${stream.length}>>stream\n${stream}\nendstream`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
  ];
  let bytes = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = bytes.length;
    bytes += `${index + 1} 0 obj${object}endobj\n`;
    return at;
  });
  const table = bytes.length;
  bytes += `xref\n0 6\n0000000000 65535 f \n${places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("")}`;
  return Buffer.from(`${bytes}trailer<</Size 6/Root 1 0 R>>\nstartxref\n${table}\n%%EOF`);
}

/** A PDF whose text is written in a predefined map of Chinese characters. */
function chinesePdf() {
  const stream = "BT /F1 24 Tf 72 720 Td <4F60597D> Tj ET";
  return Buffer.from(
    pdf("")
      .toString("latin1")
      .replace(
        /<<\/Length \d+>>stream\n[^]*?\nendstream/,
        `<</Length ${stream.length}>>stream\n${stream}\nendstream`,
      )
      .replace(
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 800/StemV 80>>>>]>>",
      ),
    "latin1",
  );
}

test("text files and PDFs go to the model as text", async () => {
  const tab = await open(browser, server, options());
  const { page } = tab;
  const picker = page.locator("input[type=file]");
  await picker.setInputFiles([
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Caffè 你好") },
    { name: "old.txt", mimeType: "text/plain", buffer: Buffer.from([0xc4, 0xe3, 0xba, 0xc3]) }, // 你好 in GB 18030
    { name: "paper.pdf", mimeType: "application/pdf", buffer: pdf("Hello from a page") },
    { name: "zh.pdf", mimeType: "application/pdf", buffer: chinesePdf() },
  ]);
  await page.locator(".composer .file-name", { hasText: "zh.pdf" }).waitFor();
  await picker.setInputFiles([
    { name: "cat.bin", mimeType: "", buffer: Buffer.from([0, 1, 2, 0xff, 0]) },
  ]);
  await page.getByRole("alert").filter({ hasText: "cat.bin is neither text nor a PDF." }).waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/answers"));
  await send(page, "Sum up.");
  const { content } = (await asked).postDataJSON().messages[0];
  assert.equal(
    content,
    [
      ["notes.txt", "Caffè 你好"],
      ["old.txt", "你好"],
      ["paper.pdf", "Hello from a page"],
      ["zh.pdf", "你好"],
    ]
      .map(
        ([name, text]) =>
          `[file name]: ${name}\n[file content begin]\n${text}\n[file content end]\n`,
      )
      .join("") + "Sum up.",
  );
  await settled(page);
  const names = ["notes.txt", "old.txt", "paper.pdf", "zh.pdf"];
  await becomes(() => page.locator(".bubble .file-name").allInnerTexts(), names);
  await tab.close();
});

test("the operator sees load, keys and spending; others do not", async () => {
  const tab = await open(
    browser,
    server,
    options({ key: server.secrets.operator, path: "/#operator" }),
  );
  const { page } = tab;
  await page.getByRole("heading", { name: "Load · tiny" }).waitFor();
  await page.getByRole("cell", { name: "alice" }).first().waitFor();
  await page.getByRole("heading", { name: "Spending" }).waitFor();
  await page.getByLabel("Period").selectOption("7");
  await page.getByRole("link", { name: "Back to the chat" }).click();
  await composer(page).waitFor();
  await tab.close();

  const other = await open(browser, server, options({ path: "/#operator" }));
  await other.page.getByRole("alert").filter({ hasText: "admin" }).waitFor();
  await other.close();
});

test("every route is shown with what it takes", async () => {
  const tab = await open(browser, server, options());
  const { page } = tab;
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "API" }).click();
  await page.getByRole("heading", { name: "API" }).waitFor();
  const { paths } = await server.ask("/openapi.json");
  const shown = page.locator(".operation");
  await becomes(async () => (await shown.count()) > 20, true, "the routes");
  await page.getByLabel("Search routes").fill("completions");
  await becomes(async () => (await shown.count()) < 8, true, "those that match");
  await page.locator(".operation summary", { hasText: "/v1/chat/completions" }).click();
  await page.getByText("/beta/chat/completions").waitFor();
  await page.locator(".schema li", { hasText: "messages" }).first().locator("summary").click();
  await page.locator(".schema .schema code", { hasText: "tool_calls" }).first().waitFor();
  const example = await page.locator(".operation-body pre").innerText();
  const body = JSON.parse(/-d '(.*)'/s.exec(example)[1]);
  assert.ok("/v1/chat/completions" in paths && body.messages[0].content, example);
  body.max_tokens = 4;
  const answer = await server.ask("/v1/chat/completions", {
    method: "POST",
    body,
    key: server.secrets.alice,
  });
  assert.equal(answer.object, "chat.completion", "the example is answered");
  await tab.close();

  const stranger = await open(browser, server, { path: "/#api", language: "zh-CN" });
  await stranger.page.getByPlaceholder("搜索路由").waitFor();
  await stranger.close();
});

test("the licences are a click away", async () => {
  const text = await (
    await fetch(
      `${server.url}/${/rel="license"[^>]*href="([^"]+)"/.exec(await (await fetch(server.url)).text())[1]}`,
    )
  ).text();
  for (const name of ["preact", "marked", "dompurify", "katex", "highlight.js", "pdfjs-dist"])
    assert.ok(text.includes(`\n${name} `), name);
});
