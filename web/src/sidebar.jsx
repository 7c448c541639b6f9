// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from "preact/hooks";
import { app, notice } from "./app_state.js";
import { listChats, searchChats } from "./chats.js";
import { newChat } from "./open_chat.js";
import { Icon, IconButton } from "./icons.jsx";
import { keepLanguage } from "./language.js";
import { remember } from "./memory.js";
import { Menu } from "./menu.jsx";

const open = (dialog) => app.set({ dialog });

export function startChat(temporary) {
  newChat(temporary);
  if (location.hash) location.hash = "";
  document.querySelector("#message")?.focus();
}

function ChatRow({ chat, current, words }) {
  const title = chat.title || words.untitled;
  return (
    <li class={current ? "chat-row current" : "chat-row"}>
      <a
        href={`#/chat/${chat.id}`}
        aria-current={current ? "page" : undefined}
        onClick={() => app.set({ sidebar: false })}
      >
        {title}
      </a>
      <Menu
        icon="dots"
        label={words.chat_menu(title)}
        items={[
          { text: words.rename, act: () => open({ kind: "rename", chat }) },
          { text: words.delete, act: () => open({ kind: "delete", chat }), danger: true },
        ]}
      />
    </li>
  );
}

function Hits({ hits, words }) {
  return (
    <>
      <p class="quiet" role="status">
        {hits.length ? words.search_hits(hits.length) : words.no_hits}
      </p>
      <ul class="hits">
        {hits.map((hit) => (
          <li>
            <a
              href={`#/chat/${hit.chat_id}${hit.message_id && `/${hit.message_id}`}`}
              onClick={() => app.set({ sidebar: false })}
            >
              <strong>{hit.title || words.untitled}</strong>
              <span>{hit.excerpt}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function Foot({ state, words }) {
  const language = state.language === "zh" ? "en" : "zh";
  const themes = ["system", "light", "dark"];
  const setTheme = (theme) => {
    remember("theme", theme === "system" ? "" : theme);
    app.set({ theme });
  };
  return (
    <footer class="sidebar-foot">
      <IconButton name="key" label={words.key} onClick={() => open({ kind: "key" })} />
      {state.session?.operator && (
        <a class="icon-button" href="#operator" aria-label={words.operator} title={words.operator}>
          <Icon name="gauge" />
        </a>
      )}
      <Menu
        icon="sun"
        label={words.appearance}
        above
        items={themes.map((theme) => ({
          text: `${state.theme === theme ? "✓ " : ""}${words[`theme_${theme}`]}`,
          act: () => setTheme(theme),
        }))}
      />
      <Menu
        icon="dots"
        label={words.more}
        above
        items={[
          { text: words.shortcuts, act: () => open({ kind: "shortcuts" }) },
          { text: words.api, act: () => (location.hash = "api") },
          {
            text: words.licences,
            act: () =>
              window.open(document.querySelector("link[rel=license]").href, "_blank", "noopener"),
          },
          ...(state.chats.length
            ? [{ text: words.delete_all, act: () => open({ kind: "delete_all" }), danger: true }]
            : []),
        ]}
      />
      <button
        type="button"
        class="text-button language"
        lang={language === "zh" ? "zh-CN" : "en"}
        onClick={() => {
          keepLanguage(language);
          app.set({ language });
        }}
      >
        {words.switch_language}
      </button>
    </footer>
  );
}

export function Sidebar({ state, words }) {
  const history = state.session?.history;
  const close = useRef(null);
  useEffect(() => {
    if (state.sidebar) close.current?.querySelector("button").focus();
  }, [state.sidebar]);
  return (
    <nav class={state.sidebar ? "sidebar open" : "sidebar"} aria-label={words.chats}>
      <div class="sidebar-head" ref={close}>
        <span class="brand">deepseek</span>
        <IconButton
          name="close"
          label={words.close_sidebar}
          onClick={() => app.set({ sidebar: false })}
        />
      </div>
      <div class="sidebar-actions">
        <button type="button" class="button new-chat" onClick={() => startChat(false)}>
          <Icon name="plus" />
          {words.new_chat}
        </button>
        <IconButton name="hidden" label={words.temporary} onClick={() => startChat(true)} />
      </div>
      {history !== "none" && (
        <div class="search" role="search">
          <Icon name="search" />
          <input
            id="search"
            type="search"
            value={state.search}
            placeholder={words.search}
            aria-label={words.search}
            onInput={(event) => searchChats(event.currentTarget.value)}
          />
        </div>
      )}
      <div class="sidebar-list">
        {state.hits ? (
          <Hits hits={state.hits} words={words} />
        ) : (
          <>
            <ul>
              {state.chats.map((chat) => (
                <ChatRow
                  key={chat.id}
                  chat={chat}
                  current={chat.id === state.chat.id}
                  words={words}
                />
              ))}
            </ul>
            {!state.chats.length && history && history !== "none" && (
              <p class="quiet">{words.no_chats}</p>
            )}
            {state.moreChats && (
              <button
                type="button"
                class="text-button"
                onClick={() => listChats(true).catch(notice)}
              >
                {words.more_chats}
              </button>
            )}
          </>
        )}
        {history === "until_the_server_stops" && <p class="quiet note">{words.until_stop}</p>}
        {history === "none" && <p class="quiet note">{words.history_none}</p>}
      </div>
      <Foot state={state} words={words} />
    </nav>
  );
}
