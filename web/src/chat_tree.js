// SPDX-License-Identifier: Apache-2.0
// The tree of a chat's messages. `choices` maps a parent's id ("" for the beginning) to the child
// that is shown; without a choice the latest child is.

export function childrenOf(messages, parentId) {
  return messages.filter((message) => (message.parent_id ?? "") === (parentId ?? ""));
}

/** The messages that are shown, from the first to the last. */
export function pathOf(messages, choices) {
  const children = new Map();
  for (const message of messages) {
    const parent = message.parent_id ?? "";
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(message);
  }
  const path = [];
  let at = "";
  while (children.has(at)) {
    const siblings = children.get(at);
    const shown = siblings.find((message) => message.id === choices[at]) ?? siblings.at(-1);
    path.push({ message: shown, siblings: siblings.map((message) => message.id) });
    at = shown.id;
  }
  return path;
}

/** Choices that lead to a message. */
export function choicesTo(messages, id) {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const choices = {};
  for (let message = byId.get(id); message; message = byId.get(message.parent_id)) {
    choices[message.parent_id ?? ""] = message.id;
  }
  return choices;
}
