// SPDX-License-Identifier: Apache-2.0
import { pathOf } from "./chat_tree.js";
import { draw } from "./markdown.js";

const style = `body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1c20}
h2{font-size:.85rem;color:#667;margin:2rem 0 .3rem}pre{background:#f3f4f7;padding:.8rem;overflow:auto;border-radius:8px}
code{font-family:ui-monospace,monospace}blockquote,details{color:#667;border-left:3px solid #ccd;margin:0;padding-left:1rem}
table{border-collapse:collapse}td,th{border:1px solid #ccd;padding:.3rem .6rem}img{max-width:100%}`;

const escape = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

const whoOf = (message, words) =>
  message.role === "user" ? words.you : (message.details.model ?? words.assistant);

const namesOf = (message) => (message.details.attachments ?? []).map(({ name }) => name);

function toMarkdown(chat, path, words) {
  const parts = [`# ${chat.title || words.untitled}`];
  if (chat.settings.system) parts.push(`> ${chat.settings.system.split("\n").join("\n> ")}`);
  for (const { message } of path) {
    parts.push(`## ${whoOf(message, words)}`);
    if (namesOf(message).length)
      parts.push(
        namesOf(message)
          .map((name) => `- ${name}`)
          .join("\n"),
      );
    if (message.reasoning) parts.push(`> ${message.reasoning.trim().split("\n").join("\n> ")}`);
    parts.push(message.content);
  }
  return `${parts.join("\n\n")}\n`;
}

async function toHtml(chat, path, words, languageTag) {
  const { drawMath } = await import("./math.js");
  const body = document.createElement("div");
  for (const { message } of path) {
    const head = document.createElement("h2");
    head.textContent = [whoOf(message, words), ...namesOf(message)].join(" · ");
    body.append(head);
    if (message.reasoning) {
      const details = document.createElement("details");
      const summary = document.createElement("summary");
      summary.textContent = words.thought;
      details.append(summary, draw(message.reasoning));
      body.append(details);
    }
    body.append(draw(message.content));
  }
  drawMath(body, "mathml");
  const title = escape(chat.title || words.untitled);
  return `<!doctype html>
<html lang="${languageTag}"><head><meta charset="utf-8"><title>${title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>${style}</style></head><body><h1>${title}</h1>
${body.innerHTML}
</body></html>
`;
}

function toJson(chat) {
  const { id, title, settings, created_at_ms, updated_at_ms, messages } = chat;
  return `${JSON.stringify({ id, title, settings, created_at_ms, updated_at_ms, messages }, null, 2)}\n`;
}

function download(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Saves the chat as a file: the branch that is shown, or in JSON all of it. */
export async function exportChat(chat, format, words, languageTag) {
  const path = pathOf(chat.messages, chat.choices);
  const name =
    (chat.title || words.untitled)
      .replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ")
      .trim()
      .slice(0, 60) || "chat";
  if (format === "markdown") download(toMarkdown(chat, path, words), `${name}.md`, "text/markdown");
  if (format === "html")
    download(await toHtml(chat, path, words, languageTag), `${name}.html`, "text/html");
  if (format === "json") download(toJson(chat), `${name}.json`, "application/json");
}
