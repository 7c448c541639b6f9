// SPDX-License-Identifier: Apache-2.0
// Answers: asked for, read as they come, stopped, and read on after a reload. `app.state.live` is
// the answer being read: { messageId, answerId, phase, tokens, firstTokenAt, reasoningAt, … }.
import { ApiError, ask, events } from "./api.js";
import { app, notice, shownModel } from "./app_state.js";
import { ensureChat, listChats, reloadChat } from "./chats.js";
import { pathOf } from "./chat_tree.js";
import { promptText } from "./attachments.js";
import { refreshBalance } from "./balance.js";
import { wordsOf } from "./language.js";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const longestPauseMs = 8000;
const betweenLooksMs = 1500; // at the chat of an answer that another page reads
const mostUnchanged = 40;
const say = (word) => app.set({ said: wordsOf(app.state.language)[word] });

let reader = null; // of the live answer
let nextLocalId = 1; // of messages of temporary chats

function setLive(change) {
  if (app.state.live) app.set({ live: { ...app.state.live, ...change } });
}

function addMessage(message) {
  const { chat } = app.state;
  app.set({
    chat: {
      ...chat,
      messages: [...chat.messages, message],
      choices: { ...chat.choices, [message.parent_id ?? ""]: message.id },
    },
  });
}

function changeMessage(id, change) {
  const { chat } = app.state;
  app.set({
    chat: {
      ...chat,
      messages: chat.messages.map((message) =>
        message.id === id ? { ...message, ...change(message) } : message,
      ),
    },
  });
}

/** Stops reading; the answer itself goes on, except in a temporary chat. */
export function leaveLive() {
  reader?.abort();
  reader = null;
  app.set({ live: null });
}

function optionsOf(settings) {
  const { temperature, top_p, max_tokens, seed, thinking, budget, json } = settings;
  const bounded = thinking !== "off" && budget !== undefined;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { top_p }),
    ...(max_tokens !== undefined && { max_tokens }),
    ...(seed !== undefined && { seed }),
    ...(shownModel(app.state)?.thinks &&
      (thinking || bounded) && {
        thinking: {
          type: thinking === "off" ? "disabled" : "enabled",
          ...(bounded && { budget_tokens: budget }),
        },
      }),
    ...(json && { response_format: { type: "json_object" } }),
  };
}

/** The conversation up to a message, as the model reads it. */
function conversationTo(parentId) {
  const { chat } = app.state;
  const byId = new Map(chat.messages.map((message) => [message.id, message]));
  const messages = [];
  for (let message = byId.get(parentId); message; message = byId.get(message.parent_id))
    messages.unshift({ role: message.role, content: promptText(message) });
  const system = chat.settings.system?.trim();
  return system ? [{ role: "system", content: system }, ...messages] : messages;
}

async function addQuestion(text, files, parentId) {
  await ensureChat(text || files[0]?.name || "");
  const { chat } = app.state;
  const parent =
    parentId === undefined
      ? (pathOf(chat.messages, chat.choices).at(-1)?.message.id ?? null)
      : parentId;
  const said = { parent_id: parent, role: "user", content: text, details: { attachments: files } };
  const message = chat.temporary
    ? { ...said, id: `local_${nextLocalId++}`, reasoning: "", created_at_ms: Date.now() }
    : await ask(`web/chats/${chat.id}/messages`, { method: "POST", body: said });
  addMessage(message);
  return message.id;
}

/** Adds a question below a message, or at the end, and has it answered. */
export async function sendMessage(text, files, parentId) {
  const mine = begin();
  let question;
  try {
    question = await addQuestion(text, files, parentId);
  } catch (error) {
    if (mine === reader) leaveLive();
    throw error;
  }
  if (mine === reader) await answer(question);
}

/** Has the model answer a message, beside the answers it has. */
export async function answer(parentId) {
  const { chat } = app.state;
  const body = {
    model: shownModel(app.state)?.id,
    messages: conversationTo(parentId),
    ...optionsOf(chat.settings),
  };
  const { signal } = begin();
  const stream = chat.temporary
    ? temporaryEvents(body, parentId, signal)
    : events(`web/chats/${chat.id}/answers`, {
        method: "POST",
        body: { ...body, parent_id: parentId },
        signal,
      });
  await read(stream);
}

function begin() {
  reader = new AbortController();
  app.set({
    live: {
      messageId: null,
      answerId: null,
      phase: "waiting",
      tokens: 0,
      askedAt: performance.now(),
    },
  });
  return reader;
}

/** Reads on an answer that began before this page did. */
export async function followLive(message) {
  const answerId = message.details.answer;
  const { signal } = begin();
  setLive({ messageId: message.id, answerId, resumed: true });
  await read(events(`web/answers/${answerId}`, { signal }));
}

/** Reads a stream to its end, through broken connections. */
async function read(stream) {
  const mine = reader;
  let lastId = "";
  for (let attempt = 0; ; ) {
    try {
      for await (const event of stream) {
        if (mine !== reader) return;
        attempt = 0;
        lastId = event.id || lastId;
        if (take(event)) return ended();
      }
      // An answer has one reader at a time: another page took it over.
      if (app.state.live?.answerId) return readFromChat(mine, mostUnchanged);
      throw new ApiError(500, "the stream ended early");
    } catch (error) {
      if (mine !== reader || error.name === "AbortError") return;
      const { live } = app.state;
      if (error.status === 404 || error.status === 410) return readFromChat(mine, 0);
      if (error.status !== 0 || !live?.answerId) return failed(error);
      setLive({ phase: "reconnecting" });
      await pause(Math.min(500 * 2 ** attempt++, longestPauseMs));
      if (mine !== reader) return;
      stream = events(`web/answers/${live.answerId}`, {
        signal: mine.signal,
        headers: lastId ? { "Last-Event-ID": lastId } : {},
      });
    }
  }
}

/** Takes one event; true at the end. */
function take(event) {
  const data = JSON.parse(event.data);
  const { live } = app.state;
  switch (event.type) {
    case "begin": {
      const known = app.state.chat.messages.some((message) => message.id === data.message.id);
      if (known) changeMessage(data.message.id, () => data.message);
      else addMessage(data.message);
      setLive({ messageId: data.message.id, answerId: data.answer });
      return false;
    }
    case "queue":
      setLive({ phase: "queued", ahead: data.ahead });
      return false;
    case "progress":
      setLive({ phase: "reading", total: data.total, processed: data.processed });
      return false;
    case "delta": {
      const now = performance.now();
      if (!live.firstTokenAt) say("answer_began");
      const reasons = data.reasoning !== undefined;
      setLive({
        phase: reasons ? "reasoning" : "content",
        tokens: data.tokens,
        firstTokenAt: live.firstTokenAt ?? now,
        firstTokens: live.firstTokens ?? data.tokens,
        reasoningAt: reasons ? (live.reasoningAt ?? now) : live.reasoningAt,
      });
      changeMessage(live.messageId, (message) => ({
        reasoning: message.reasoning + (data.reasoning ?? ""),
        content: message.content + (data.content ?? ""),
        details: {
          ...message.details,
          ...(reasons && { reasoning_ms: now - (live.reasoningAt ?? now) }),
        },
      }));
      return false;
    }
    case "end":
      changeMessage(data.message.id, () => data.message);
      say(data.message.details.state === "stopped" ? "answer_stopped" : "answer_done");
      return true;
    default:
      if (data.error) throw new ApiError(500, data.error.message, data.error.code);
      return false;
  }
}

function ended() {
  reader = null;
  app.set({ live: null });
  refreshBalance();
  listChats();
}

function failed(error) {
  const { live } = app.state;
  if (live?.messageId)
    changeMessage(live.messageId, (message) => ({
      details: { ...message.details, state: "failed", error: error.message },
    }));
  else notice(error);
  ended();
}

/** The events are not to be had: what the chat holds counts, which is looked at until it is whole or
 *  has not changed so many times. */
async function readFromChat(mine, patience) {
  const { messageId } = app.state.live;
  const held = () => app.state.chat.messages.find(({ id }) => id === messageId);
  let unchanged = 0;
  for (let before = ""; ; ) {
    try {
      await reloadChat();
    } catch (error) {
      if (mine === reader) failed(error);
      return;
    }
    if (mine !== reader) return;
    if (held()?.details.state !== "streaming") return ended();
    const text = held().reasoning + held().content;
    unchanged = text === before ? unchanged + 1 : 0;
    if (unchanged >= patience) break;
    before = text;
    await pause(betweenLooksMs);
  }
  changeMessage(messageId, ({ details }) => ({ details: { ...details, state: "cut_off" } }));
  ended();
}

export async function stopAnswer() {
  const { live, chat } = app.state;
  if (!live) return;
  if (chat.temporary) {
    reader?.abort();
    if (live.messageId)
      changeMessage(live.messageId, (message) => ({
        details: { ...message.details, state: "stopped" },
      }));
    say("answer_stopped");
    ended();
    return;
  }
  if (!live.answerId) return;
  try {
    await ask(`web/answers/${live.answerId}/stop`, { method: "POST", body: {} });
  } catch (error) {
    if (error.status !== 404) notice(error);
  }
}

/** The API's stream of a chat that the server keeps nothing of, as the events of one it keeps. */
async function* temporaryEvents(body, parentId, signal) {
  const message = {
    id: `local_${nextLocalId++}`,
    parent_id: parentId,
    role: "assistant",
    content: "",
    reasoning: "",
    details: { state: "streaming", model: body.model },
    created_at_ms: Date.now(),
  };
  const event = (type, data) => ({ type, id: "", data: JSON.stringify(data) });
  let usage = null;
  let finish_reason = "";
  let begun = false;
  const stream_options = { include_usage: true, continuous_usage_stats: true };
  for await (const { data } of events("v1/chat/completions", {
    method: "POST",
    body: { ...body, stream: true, stream_options },
    signal,
  })) {
    if (!begun) yield event("begin", { message, answer: null, model: body.model });
    begun = true;
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ApiError(500, chunk.error.message, chunk.error.code);
    if (chunk.usage?.total_tokens) usage = chunk.usage;
    const choice = chunk.choices[0];
    finish_reason = choice?.finish_reason ?? finish_reason;
    const tokens = chunk.usage?.completion_tokens ?? 0;
    const { reasoning_content: reasoning, content } = choice?.delta ?? {};
    if (reasoning) {
      message.reasoning += reasoning;
      yield event("delta", { reasoning, tokens });
    } else if (content) {
      message.content += content;
      yield event("delta", { content, tokens });
    }
  }
  const { reasoning_ms } =
    app.state.chat.messages.find(({ id }) => id === message.id)?.details ?? {};
  const details = { ...message.details, state: "done", finish_reason, usage, reasoning_ms };
  yield event("end", { message: { ...message, details } });
}
