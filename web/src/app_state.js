// SPDX-License-Identifier: Apache-2.0
import { recallJson, recall } from "./memory.js";
import { firstLanguage } from "./language.js";
import { Store } from "./store.js";

/** Settings of a chat. What is absent is the model's own. */
export const usualSettings = () => recallJson("settings");

export const emptyChat = () => ({
  id: null,
  title: "",
  settings: usualSettings(),
  messages: [],
  choices: {},
  temporary: false,
});

export const app = new Store({
  phase: "starting", // starting, loading_model, unreachable, needs_key, ready
  session: null,
  keyRefused: "", // why the server refused the key
  language: firstLanguage(),
  theme: recall("theme") || "system",
  model: recall("model"),
  route: { page: "chat", chat: null },
  chats: [],
  moreChats: false,
  search: "",
  hits: null,
  chat: emptyChat(),
  target: null, // id of the message to scroll to
  live: null, // the answer that is being read: see answer.js
  balance: null,
  editing: null, // id of the question being edited
  dialog: null, // { kind, … }
  sidebar: false, // on narrow screens
  notice: "", // an error, until it is dismissed
  said: "", // for screen readers
});

export function notice(error) {
  app.set({ notice: error instanceof Error ? error.message : String(error) });
}

export const shownModel = (state) =>
  state.session?.models.find((model) => model.id === state.model) ?? state.session?.models[0];
