// SPDX-License-Identifier: Apache-2.0
// Which chat is shown.
import { followLive, leaveLive } from "./answer.js";
import { ask } from "./api.js";
import { app, emptyChat, notice } from "./app_state.js";
import { choicesTo } from "./chat_tree.js";
import { hasHistory, listChats, showMessage } from "./chats.js";

export function newChat(temporary = false) {
  leaveLive();
  app.set({ chat: { ...emptyChat(), temporary: temporary || !hasHistory() }, sidebar: false });
}

export async function openChat(id, messageId) {
  if (app.state.chat.id === id) {
    if (messageId) showMessage(messageId);
    app.set({ target: messageId ?? null });
    return;
  }
  leaveLive();
  try {
    const chat = await ask(`web/chats/${encodeURIComponent(id)}`);
    app.set({
      chat: {
        ...chat,
        choices: messageId ? choicesTo(chat.messages, messageId) : {},
        temporary: false,
      },
      target: messageId ?? null,
      sidebar: false,
    });
    const streaming = chat.messages.findLast((message) => message.details.state === "streaming");
    if (streaming) followLive(streaming);
  } catch (error) {
    notice(error);
    location.hash = "";
  }
}

export async function removeAllChats() {
  await ask("web/chats", { method: "DELETE" });
  location.hash = "";
  newChat();
  await listChats();
}
