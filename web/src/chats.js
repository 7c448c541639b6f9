// SPDX-License-Identifier: Apache-2.0
import { ask } from "./api.js";
import { app, notice } from "./app_state.js";
import { choicesTo, pathOf } from "./chat_tree.js";

const longestTitle = 60;

export const hasHistory = () => app.state.session?.history !== "none";

export async function listChats(more = false) {
  if (!hasHistory()) return;
  const known = more ? app.state.chats : [];
  try {
    const after = known.at(-1)?.id;
    const page = await ask(`web/chats${after ? `?after=${encodeURIComponent(after)}` : ""}`);
    app.set({ chats: [...known, ...page.chats], moreChats: page.more });
  } catch (error) {
    notice(error);
  }
}

export function showMessage(id) {
  const { chat } = app.state;
  app.set({ chat: { ...chat, choices: { ...chat.choices, ...choicesTo(chat.messages, id) } } });
}

/** The chat as the server has it now. */
export async function reloadChat() {
  const { chat } = app.state;
  if (!chat.id) return;
  const fresh = await ask(`web/chats/${encodeURIComponent(chat.id)}`);
  if (app.state.chat.id === fresh.id)
    app.set({ chat: { ...fresh, choices: app.state.chat.choices, temporary: false } });
}

const titleOf = (text) => {
  const line = text.trim().split("\n", 1)[0];
  return line.length > longestTitle ? `${line.slice(0, longestTitle - 1)}…` : line;
};

/** Makes the chat that is shown one of the server's, unless it is a temporary one. */
export async function ensureChat(text) {
  const { chat } = app.state;
  if (chat.id || chat.temporary) return;
  const made = await ask("web/chats", {
    method: "POST",
    body: { title: titleOf(text), settings: chat.settings },
  });
  app.set({ chat: { ...app.state.chat, ...made } });
  history.replaceState(null, "", `#/chat/${made.id}`);
  app.set({ route: { page: "chat", chat: made.id } });
  await listChats();
}

export async function changeSettings(settings) {
  const { chat } = app.state;
  app.set({ chat: { ...chat, settings } });
  if (!chat.id) return;
  await ask(`web/chats/${chat.id}`, { method: "PATCH", body: { settings } });
}

/** A chat of its own with the conversation up to a message. */
export async function forkChat(messageId) {
  const { chat } = app.state;
  const made = await ask("web/chats", {
    method: "POST",
    body: { title: chat.title, settings: chat.settings },
  });
  let parent_id = null;
  for (const { message } of pathOf(chat.messages, {
    ...chat.choices,
    ...choicesTo(chat.messages, messageId),
  })) {
    const { role, content, reasoning, details } = message;
    const copy = { parent_id, role, content, reasoning, details };
    ({ id: parent_id } = await ask(`web/chats/${made.id}/messages`, {
      method: "POST",
      body: copy,
    }));
    if (message.id === messageId) break;
  }
  location.hash = `#/chat/${made.id}`;
  await listChats();
}

export async function renameChat(id, title) {
  await ask(`web/chats/${id}`, { method: "PATCH", body: { title } });
  if (app.state.chat.id === id) app.set({ chat: { ...app.state.chat, title } });
  await listChats();
}

export async function removeChat(id) {
  await ask(`web/chats/${id}`, { method: "DELETE" });
  if (app.state.chat.id === id) location.hash = "";
  await listChats();
}

let lastSearch = 0;

export async function searchChats(text) {
  app.set({ search: text });
  const search = ++lastSearch;
  if (!text.trim()) {
    app.set({ hits: null });
    return;
  }
  try {
    const { hits } = await ask(`web/search?q=${encodeURIComponent(text)}`);
    if (search === lastSearch) app.set({ hits });
  } catch (error) {
    if (search === lastSearch) notice(error);
  }
}
