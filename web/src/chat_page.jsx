// SPDX-License-Identifier: Apache-2.0
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { app, notice, shownModel } from "./app_state.js";
import { pathOf } from "./chat_tree.js";
import { Composer } from "./composer.jsx";
import { exportChat } from "./export_chat.js";
import { IconButton } from "./icons.jsx";
import { tagOf } from "./language.js";
import { remember } from "./memory.js";
import { Menu } from "./menu.jsx";
import { Message, Waiting } from "./message.jsx";

const nearEnd = 80; // px within which the view follows the answer

function ModelPicker({ state, words }) {
  const models = state.session?.models ?? [];
  if (!models.length) return null;
  return (
    <select
      class="model"
      aria-label={words.model}
      title={words.model}
      value={shownModel(state)?.id}
      onChange={(event) => {
        remember("model", event.currentTarget.value);
        app.set({ model: event.currentTarget.value });
      }}
    >
      {models.map(({ id }) => (
        <option value={id}>{id}</option>
      ))}
    </select>
  );
}

function Head({ state, words }) {
  const { chat } = state;
  const save = (format) =>
    exportChat(app.state.chat, format, words, tagOf(state.language)).catch(notice);
  return (
    <header class="chat-head">
      <span class="open-sidebar">
        <IconButton
          name="menu"
          label={words.open_sidebar}
          onClick={() => app.set({ sidebar: true })}
        />
      </span>
      <ModelPicker state={state} words={words} />
      <h1>{chat.title || (chat.temporary ? words.temporary : "")}</h1>
      {chat.messages.length > 0 && (
        <Menu
          icon="download"
          label={words.export}
          items={[
            { text: words.export_markdown, act: () => save("markdown") },
            { text: words.export_html, act: () => save("html") },
            { text: words.export_json, act: () => save("json") },
          ]}
        />
      )}
      <IconButton
        name="sliders"
        label={words.chat_settings}
        onClick={() => app.set({ dialog: { kind: "settings" } })}
      />
    </header>
  );
}

/** Keeps the end in view while an answer grows, unless the reader has scrolled away or looks for a
 *  message. */
function useFollowing(state) {
  const list = useRef(null);
  const follows = useRef(true);
  useEffect(() => {
    follows.current = true;
  }, [state.chat.id, state.live === null]);
  useEffect(() => {
    // Also when formulas or fonts come later.
    const observer = new ResizeObserver(() => {
      if (follows.current) list.current.scrollTop = list.current.scrollHeight;
    });
    observer.observe(list.current.firstElementChild);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const target = state.target && document.getElementById(state.target);
    if (!target) return;
    follows.current = false;
    target.scrollIntoView({ block: "start" });
    app.set({ target: null });
  }, [state.target, state.chat]);
  const onScroll = () => {
    const element = list.current;
    follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearEnd;
  };
  return { list, onScroll };
}

export function ChatPage({ state, words }) {
  const { chat, live } = state;
  const { list, onScroll } = useFollowing(state);
  const path = pathOf(chat.messages, chat.choices);
  const model = shownModel(state);
  return (
    <main class="chat" id="main" tabIndex={-1}>
      <Head state={state} words={words} />
      <div
        class="messages"
        ref={list}
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label={words.conversation}
        tabIndex={0}
      >
        <div class="column">
          {path.length === 0 && !live && (
            <div class="greeting">
              <h2>{words.greeting}</h2>
              {model && <p class="quiet">{words.greeting_note(model.id)}</p>}
            </div>
          )}
          {chat.temporary && <p class="banner">{words.temporary_note}</p>}
          {path.map(({ message, siblings }, index) => (
            <Message
              key={message.id}
              message={message}
              siblings={siblings}
              last={index + 1 === path.length}
              live={live?.messageId === message.id ? live : null}
              busy={live !== null}
              words={words}
            />
          ))}
          {live && !live.messageId && <Waiting live={live} words={words} />}
        </div>
      </div>
      <Composer state={state} words={words} />
    </main>
  );
}
