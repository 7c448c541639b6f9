// SPDX-License-Identifier: Apache-2.0
import { ask } from "./api.js";
import { app } from "./app_state.js";

/** What the key has left, for the meter. */
export async function refreshBalance() {
  try {
    const { balance_infos: infos } = await ask("user/balance");
    app.set({ balance: infos[0] ?? null });
  } catch {
    app.set({ balance: null });
  }
}
