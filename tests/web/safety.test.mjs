// SPDX-License-Identifier: Apache-2.0
// What a model or a file writes does nothing in the page but appear.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { becomes, launch, open, until } from "./browser.mjs";
import { Server } from "./server.mjs";

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

const hostile = [
  "<script>window.hurt = 1</script>",
  "<img src=x onerror='window.hurt = 1'>",
  "<img src='https://evil.example/pixel.png' alt='a remote picture'>",
  "![remote](https://evil.example/other.png)",
  "![inline](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
  "![svg](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)",
  "[script](javascript:window.hurt=1) [data](data:text/html,<script>1</script>) [fine](https://example.org/a)",
  "<a href='java\nscript:window.hurt=1'>broken scheme</a>",
  "<iframe src='https://evil.example'></iframe><object data='x'></object><embed src='x'>",
  "<svg onload='window.hurt=1'><a xlink:href='javascript:window.hurt=1'><text>svg</text></a></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror='window.hurt=1'></style></mglyph></table></mtext></math>",
  "<style>body { display: none }</style><link rel=stylesheet href='https://evil.example/x.css'>",
  "<p style='position:fixed;inset:0;background:url(https://evil.example/bg)'>styled</p>",
  "<form action='https://evil.example'><input name=q><button>go</button></form>",
  "<div id='app' name='body' class='sidebar open'>clobbered</div>",
  "<base href='https://evil.example/'><meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<details open ontoggle='window.hurt=1'><summary>fold</summary>text</details>",
  "<video src='https://evil.example/v.mp4' autoplay></video><audio src='https://evil.example/a.mp3' autoplay></audio>",
  "$\\frac{$ and $\\undefinedcommand$",
  "$\\href{javascript:window.hurt=1}{x} \\includegraphics{https://evil.example/m.png} \\htmlStyle{color:red}{y}$",
  "```html\n<img src=x onerror='window.hurt=1'>\n```",
];

test("hostile markdown runs nothing and loads nothing", async () => {
  const chat = await server.chat("<img src=x onerror='window.hurt=1'>", [
    {
      role: "user",
      content: hostile.join("\n\n"),
      details: { attachments: [{ name: "<b onclick=1>.txt", text: "x" }] },
    },
    { role: "assistant", content: hostile.join("\n\n"), reasoning: hostile.join("\n\n") },
  ]);
  const tab = await open(browser, server, { path: `/#/chat/${chat}` });
  const { page } = tab;
  await page.locator(".reasoning > summary").click();
  await page.locator(".katex").first().waitFor();
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => window.hurt), undefined);
  const markdown = page.locator(".message.assistant");
  for (const forbidden of [
    "script",
    "iframe",
    "object",
    "embed",
    "style",
    "link",
    "form",
    "base",
    "meta",
    "video",
    "audio",
  ])
    assert.equal(await markdown.locator(forbidden).count(), 0, forbidden);
  const dangerous = await markdown.evaluate((root) =>
    [...root.querySelectorAll("*")].flatMap((element) =>
      [...element.attributes]
        .filter(({ name, value }) => /^on/i.test(name) || /^\s*javascript:/i.test(value))
        .map(({ name }) => `${element.tagName} ${name}`),
    ),
  );
  assert.deepEqual(dangerous, []);
  await markdown.getByText("window.hurt = 1").first().waitFor(); // shown, as text
  const pictures = await markdown
    .locator("img")
    .evaluateAll((list) => list.map(({ src }) => src.slice(0, 15)));
  assert.ok(
    pictures.length > 0 && pictures.every((src) => src === "data:image/png;"),
    String(pictures),
  );
  const links = await markdown
    .locator("a[href]")
    .evaluateAll((list) => list.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.ok(links.length > 0);
  for (const { href, rel, target } of links) {
    assert.match(href, /^https:\/\//);
    assert.match(rel, /noopener noreferrer/);
    assert.equal(target, "_blank");
  }
  assert.equal(await page.locator("#app").count(), 1, "nothing takes the page's own names");
  assert.ok(await page.locator(".chat-head").isVisible());
  await tab.close();
});

test("markdown, code, tables and formulas are drawn", async () => {
  const chat = await server.chat("Drawn", [
    { role: "user", content: "show" },
    {
      role: "assistant",
      content:
        "# Head\n\n- one\n- **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\ndef f(x):\n    return x\n```\n\n" +
        "Inline \\(a^2\\) and $\\sqrt{x}$, it costs $5 or $6.\n\n$$\\int_0^1 x\\,dx = \\frac12$$\n\n\\[\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}\\]",
    },
  ]);
  const tab = await open(browser, server, { path: `/#/chat/${chat}` });
  const { page, context } = tab;
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator(".katex").nth(3).waitFor();
  assert.equal(await page.locator(".katex").count(), 4);
  assert.equal(await page.locator(".katex-error").count(), 0);
  await page.getByText("it costs $5 or $6.").waitFor();
  assert.equal(await page.locator(".markdown table td").count(), 2);
  assert.equal(await page.locator(".hljs-keyword").first().innerText(), "def");
  const fonts = () =>
    page.evaluate(() =>
      [...document.fonts]
        .filter(({ status }) => status === "loaded")
        .map(({ family }) => family.replaceAll('"', "")),
    );
  await until(async () => (await fonts()).includes("KaTeX_Main"), "the fonts of formulas");
  await page.getByRole("button", { name: "Copy code" }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await becomes(copied, "def f(x):\n    return x\n");
  await tab.close();
});

test("exports hold the conversation and no script", async () => {
  const chat = await server.chat("My/chat", [
    { role: "user", content: "What is $x$?" },
    { role: "assistant", content: "<script>1</script>\n\n**A letter**, $x$.", reasoning: "Hm." },
  ]);
  const tab = await open(browser, server, { path: `/#/chat/${chat}` });
  const { page } = tab;
  const save = async (name) => {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name, exact: false }).click(),
    ]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    return { name: download.suggestedFilename(), text: Buffer.concat(chunks).toString() };
  };
  const markdown = await save("Markdown");
  assert.equal(markdown.name, "My chat.md");
  assert.match(markdown.text, /^# My\/chat\n\n## You\n\nWhat is \$x\$\?\n\n## Assistant\n\n> Hm\./);
  const html = await save("HTML");
  assert.ok(html.text.includes("<strong>A letter</strong>") && html.text.includes("<math"));
  assert.ok(!html.text.includes("<script"));
  const json = JSON.parse((await save("JSON")).text);
  assert.equal(json.messages.length, 2);
  await tab.close();
});
