// SPDX-License-Identifier: Apache-2.0
// What this browser remembers. A browser that forbids it remembers nothing.
const prefix = "deepseek.";

export function recall(name, place = "localStorage") {
  try {
    return window[place].getItem(prefix + name) ?? "";
  } catch {
    return "";
  }
}

export function remember(name, value, place = "localStorage") {
  try {
    if (value) window[place].setItem(prefix + name, value);
    else window[place].removeItem(prefix + name);
  } catch {
    // Private windows may refuse.
  }
}

export function recallJson(name) {
  try {
    return JSON.parse(recall(name)) ?? {};
  } catch {
    return {};
  }
}
