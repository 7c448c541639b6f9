// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { apiKey, keyIsLasting } from "./api.js";
import { useKey } from "./session.js";

/** Takes, changes or forgets the key. */
export function KeyForm({ state, words, onDone }) {
  const [key, setKey] = useState("");
  const [lasting, setLasting] = useState(keyIsLasting());
  const { session } = state;
  const has = apiKey() !== "";
  const use = (value) => {
    useKey(value, lasting);
    onDone?.();
  };
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (key.trim()) use(key.trim());
      }}
    >
      {has && session?.key && <p>{words.key_current(session.key)}</p>}
      {session && !session.guarded && <p>{words.key_none}</p>}
      <label class="field tall">
        <span>{words.key}</span>
        <input
          type="password"
          name="key"
          value={key}
          autocomplete="off"
          spellcheck={false}
          placeholder="sk-…"
          maxLength={512}
          autofocus
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <label class="tick">
        <input
          type="checkbox"
          name="lasting"
          checked={lasting}
          onChange={(event) => setLasting(event.currentTarget.checked)}
        />
        <span>
          {words.key_keep} <span class="quiet">{words.key_keep_note}</span>
        </span>
      </label>
      <p class="quiet">{words.key_note}</p>
      <footer class="dialog-foot">
        {has && (
          <button type="button" class="button" onClick={() => use("")}>
            {words.key_forget}
          </button>
        )}
        <button type="submit" class="button primary" disabled={!key.trim()}>
          {words.key_use}
        </button>
      </footer>
    </form>
  );
}
