// SPDX-License-Identifier: Apache-2.0
import { ask, keepApiKey } from "./api.js";
import { app, notice } from "./app_state.js";
import { refreshBalance } from "./balance.js";
import { hasHistory, listChats } from "./chats.js";
import { newChat } from "./open_chat.js";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Finds out whom the page speaks for; waits for a server that is away or loads its model. */
export async function openSession() {
  for (;;) {
    try {
      const session = await ask("web/session");
      app.set({ phase: "ready", session, keyRefused: "" });
      break;
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        app.set({ phase: "needs_key", session: null, keyRefused: error.message });
        return;
      }
      if (error.status !== 0 && error.status !== 503) notice(error);
      app.set({ phase: error.status === 503 ? "loading_model" : "unreachable" });
      await pause(error.retryAfterMs || 2000);
    }
  }
  if (!hasHistory()) newChat();
  await Promise.all([listChats(), refreshBalance()]);
}

export async function useKey(key, lasting) {
  keepApiKey(key, lasting);
  app.set({ phase: "starting" });
  await openSession();
}
