// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { stopAnswer } from "./answer.js";
import { apiKey } from "./api.js";
import { ApiPage } from "./api_page.jsx";
import { app } from "./app_state.js";
import { ChatPage } from "./chat_page.jsx";
import { newChat, openChat } from "./open_chat.js";
import { Dialogs } from "./dialogs.jsx";
import { IconButton } from "./icons.jsx";
import { KeyForm } from "./key_form.jsx";
import { tagOf, wordsOf } from "./language.js";
import { Operator } from "./operator.jsx";
import { openSession } from "./session.js";
import { Sidebar, startChat } from "./sidebar.jsx";
import { useStore } from "./store.js";
import "./style.css";

/** "#operator", "#api", "#/chat/ID", "#/chat/ID/MESSAGE". */
function readRoute() {
  const page = location.hash.replace(/^#\/?/, "");
  if (page === "operator" || page === "api") return { page, chat: null };
  const [, place, chat, message] = location.hash.split("/");
  return { page: "chat", chat: place === "chat" && chat ? chat : null, message };
}

function followRoute() {
  const route = readRoute();
  const { phase, chat } = app.state;
  app.set({ route });
  if (phase !== "ready" || route.page !== "chat") return;
  if (route.chat) openChat(route.chat, route.message);
  else if (chat.id) newChat();
}

function onKeyDown(event) {
  const { live, dialog, sidebar } = app.state;
  const control = event.ctrlKey || event.metaKey;
  if (event.key === "Escape" && !dialog && sidebar) app.set({ sidebar: false });
  else if (event.key === "Escape" && !dialog && live) stopAnswer();
  else if (control && event.shiftKey && event.key.toLowerCase() === "o") startChat(false);
  else if (control && !event.shiftKey && event.key.toLowerCase() === "k") {
    app.set({ sidebar: true });
    setTimeout(() => document.querySelector("#search")?.focus(), 50); // drawn by then
  } else if (control && event.key === "/") app.set({ dialog: { kind: "shortcuts" } });
  else return;
  event.preventDefault();
}

function Gate({ state, words }) {
  const text = { loading_model: words.loading_model, unreachable: words.unreachable }[state.phase];
  return (
    <main class="gate" id="main">
      <h1 class="brand">deepseek</h1>
      {state.phase === "needs_key" ? (
        <>
          <p>{words.key_needed}</p>
          {apiKey() && (
            <p class="refusal" role="alert">
              {state.keyRefused}
            </p>
          )}
          <KeyForm state={state} words={words} />
        </>
      ) : (
        <p class="quiet working" role="status">
          {text ?? words.waiting}
        </p>
      )}
    </main>
  );
}

function Notice({ text, words }) {
  if (!text) return null;
  return (
    <div class="notice" role="alert">
      <span>{text}</span>
      <IconButton name="close" label={words.dismiss} onClick={() => app.set({ notice: "" })} />
    </div>
  );
}

function App() {
  const state = useStore(app);
  const words = wordsOf(state.language);
  useEffect(() => {
    document.documentElement.lang = tagOf(state.language);
    document.documentElement.dataset.theme = state.theme;
  }, [state.language, state.theme]);
  useEffect(() => {
    document.title = state.chat.title ? `${state.chat.title} · deepseek` : "deepseek";
  }, [state.chat.title]);
  useEffect(() => {
    if (state.phase === "ready") followRoute();
  }, [state.phase]);
  const inner =
    state.route.page === "api" ? (
      <ApiPage words={words} />
    ) : state.phase !== "ready" ? (
      <Gate state={state} words={words} />
    ) : state.route.page === "operator" ? (
      <Operator words={words} language={state.language} />
    ) : (
      <div class="frame">
        <Sidebar state={state} words={words} />
        {state.sidebar && <div class="shade" onClick={() => app.set({ sidebar: false })} />}
        <ChatPage state={state} words={words} />
      </div>
    );
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector("#main").focus();
        }}
      >
        {words.skip}
      </a>
      {inner}
      <Dialogs state={state} words={words} />
      <Notice text={state.notice} words={words} />
      <div class="visually-hidden" role="status" aria-live="polite">
        {state.said}
      </div>
    </>
  );
}

app.set({ route: readRoute() });
addEventListener("hashchange", followRoute);
addEventListener("keydown", onKeyDown);
render(<App />, document.querySelector("#app"));
openSession();
