// SPDX-License-Identifier: Apache-2.0
import { recall, remember } from "./memory.js";

/** The server's address, whatever prefix it is reached under: this file lies in its assets. */
export const apiBase = new URL("..", import.meta.url);

/** A refusal of the server, or none at all (status 0). */
export class ApiError extends Error {
  constructor(status, message, code = "", retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export const apiKey = () => recall("key", "sessionStorage") || recall("key");

export function keepApiKey(key, lasting) {
  remember("key", lasting ? "" : key, "sessionStorage");
  remember("key", lasting ? key : "");
}

export const keyIsLasting = () => recall("key") !== "";

async function refusal(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Not JSON: a proxy's page.
  }
  return new ApiError(
    response.status,
    error.message ?? `${response.status} ${response.statusText}`,
    error.code ?? "",
    Number(response.headers.get("retry-after-ms")) || 0,
  );
}

async function send(path, { method = "GET", body, headers = {}, signal } = {}) {
  const key = apiKey();
  let response;
  try {
    response = await fetch(new URL(path, apiBase), {
      method,
      signal,
      credentials: "omit",
      cache: "no-store",
      headers: {
        ...(key && { Authorization: `Bearer ${key}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, String(error.message ?? error));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export const ask = async (path, options) => (await send(path, options)).json();
export const askText = async (path, options) => (await send(path, options)).text();

/** One event of a stream: its lines, without the blank one that ends it. */
function parseEvent(text) {
  const event = { type: "message", id: "", data: "" };
  const data = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event") event.type = value;
    else if (name === "id") event.id = value;
  }
  event.data = data.join("\n");
  return event;
}

/** Yields the events of a stream as they come. Throws ApiError status 0 when it breaks. */
export async function* events(path, options = {}) {
  const response = await send(path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, String(error.message ?? error));
      }
      if (piece.done) return;
      held += piece.value;
      const parts = held.split("\n\n");
      held = parts.pop();
      for (const part of parts) {
        const event = parseEvent(part);
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
