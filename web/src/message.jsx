// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { answer, sendMessage } from "./answer.js";
import { app, notice } from "./app_state.js";
import { forkChat, showMessage } from "./chats.js";
import { copyText } from "./copy.js";
import { Icon, IconButton } from "./icons.jsx";
import { Markdown, useSeconds } from "./markdown_view.jsx";

function Branches({ message, siblings, words }) {
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(message.id);
  return (
    <span class="branches" role="group" aria-label={words.branch(at + 1, siblings.length)}>
      <IconButton
        name="left"
        label={words.previous_branch}
        disabled={at === 0}
        onClick={() => showMessage(siblings[at - 1])}
      />
      <span aria-hidden="true">
        {at + 1} / {siblings.length}
      </span>
      <IconButton
        name="right"
        label={words.next_branch}
        disabled={at === siblings.length - 1}
        onClick={() => showMessage(siblings[at + 1])}
      />
    </span>
  );
}

function CopyButton({ text, words }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={copied ? words.copied : words.copy}
      title={copied ? words.copied : words.copy}
      onClick={async () => {
        await copyText(text);
        setCopied(true);
        app.set({ said: words.copied });
        setTimeout(() => setCopied(false), 1500);
      }}
    >
      {copied ? <span class="check">✓</span> : <Icon name="copy" />}
    </button>
  );
}

function Attachments({ files, words }) {
  if (!files?.length) return null;
  return (
    <ul class="files">
      {files.map(({ name, pages }) => (
        <li>
          <Icon name="file" />
          <span class="file-name">{name}</span>
          {pages > 0 && <span class="quiet">{words.pages(pages)}</span>}
        </li>
      ))}
    </ul>
  );
}

function Editor({ message, words, onClose }) {
  const [text, setText] = useState(message.content);
  const field = useRef(null);
  useEffect(() => {
    field.current.focus();
    field.current.setSelectionRange(text.length, text.length);
  }, []);
  const send = () => {
    onClose();
    sendMessage(text.trim(), message.details.attachments ?? [], message.parent_id).catch(notice);
  };
  return (
    <div class="editor">
      <textarea
        ref={field}
        value={text}
        rows={Math.min(12, text.split("\n").length + 1)}
        aria-label={words.edit_message}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onClose();
          }
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            if (text.trim()) send();
          }
        }}
      />
      <div class="editor-foot">
        <button type="button" class="button" onClick={onClose}>
          {words.cancel}
        </button>
        <button type="button" class="button primary" disabled={!text.trim()} onClick={send}>
          {words.send_edit}
        </button>
      </div>
    </div>
  );
}

function Reasoning({ message, live, words }) {
  const thinking = live?.phase === "reasoning";
  const running = useSeconds(thinking && !live.resumed ? live.reasoningAt : null);
  const kept = (message.details.reasoning_ms ?? 0) / 1000;
  const seconds = Math.max(running, kept);
  const shown = seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0);
  return (
    <details class="reasoning">
      <summary>
        <Icon name="thought" />
        <span class={thinking ? "working" : ""}>
          {thinking
            ? words.thinking_now(shown)
            : seconds > 0
              ? words.thought_for(shown)
              : words.thought}
        </span>
        <Icon name="right" />
      </summary>
      <div class="reasoning-text">
        <Markdown text={message.reasoning} words={words} />
      </div>
    </details>
  );
}

function waitingText(live, words) {
  if (live.phase === "queued" && live.ahead > 0) return words.queued(live.ahead);
  if (live.phase === "reading" && live.total > 0 && live.processed < live.total)
    return words.reading(Math.floor((100 * live.processed) / live.total));
  return words.waiting;
}

export function Waiting({ live, words }) {
  return (
    <p class="quiet working" role="status">
      {live.phase === "reconnecting" ? words.reconnecting : waitingText(live, words)}
    </p>
  );
}

function EndNote({ details, words }) {
  const { state, finish_reason, error } = details;
  if (state === "failed")
    return (
      <p class="end-note error">
        {words.answer_failed} {error}
      </p>
    );
  if (state === "stopped") return <p class="end-note">{words.answer_stopped}</p>;
  if (state === "cut_off") return <p class="end-note">{words.answer_cut_off}</p>;
  if (finish_reason === "length") return <p class="end-note">{words.answer_length}</p>;
  return null;
}

function UserMessage({ message, siblings, last, busy, words }) {
  const editing = app.state.editing === message.id;
  const setEditing = (on) => app.set({ editing: on ? message.id : null });
  return (
    <article id={message.id} class="message user" aria-label={words.you}>
      {editing ? (
        <Editor message={message} words={words} onClose={() => setEditing(false)} />
      ) : (
        <>
          <div class="bubble">
            <Attachments files={message.details.attachments} words={words} />
            {message.content}
          </div>
          <div class="actions">
            <Branches message={message} siblings={siblings} words={words} />
            <CopyButton text={message.content} words={words} />
            {last && !busy && (
              <IconButton
                name="again"
                label={words.regenerate}
                onClick={() => answer(message.id).catch(notice)}
              />
            )}
            <IconButton
              name="edit"
              label={words.edit}
              disabled={busy}
              onClick={() => setEditing(true)}
            />
          </div>
        </>
      )}
    </article>
  );
}

function AssistantMessage({ message, siblings, live, busy, words }) {
  const { details } = message;
  const speed = details.timings?.predicted_per_second;
  const waits =
    live && (live.phase === "reconnecting" || (!message.content && live.phase !== "reasoning"));
  return (
    <article
      id={message.id}
      class="message assistant"
      aria-label={details.model ?? words.assistant}
      aria-busy={Boolean(live)}
    >
      {message.reasoning && <Reasoning message={message} live={live} words={words} />}
      <Markdown text={message.content} words={words} />
      {waits && <Waiting live={live} words={words} />}
      {!live && (
        <>
          <EndNote details={details} words={words} />
          <div class="actions">
            <Branches message={message} siblings={siblings} words={words} />
            <CopyButton text={message.content} words={words} />
            <IconButton
              name="again"
              label={words.regenerate}
              disabled={busy}
              onClick={() => answer(message.parent_id).catch(notice)}
            />
            {!app.state.chat.temporary && (
              <IconButton
                name="fork"
                label={words.fork}
                disabled={busy}
                onClick={() => forkChat(message.id).catch(notice)}
              />
            )}
            {speed > 0 && (
              <span class="quiet figures">
                {words.tokens(details.usage.completion_tokens)} · {speed.toFixed(1)} {words.speed}
              </span>
            )}
          </div>
        </>
      )}
    </article>
  );
}

/** `last`: nothing follows it in the branch that is shown. */
export function Message({ message, siblings, last, live, busy, words }) {
  return message.role === "user" ? (
    <UserMessage message={message} siblings={siblings} last={last} busy={busy} words={words} />
  ) : (
    <AssistantMessage message={message} siblings={siblings} live={live} busy={busy} words={words} />
  );
}
