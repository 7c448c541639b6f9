// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { app, notice } from "./app_state.js";
import { removeChat, renameChat } from "./chats.js";
import { removeAllChats } from "./open_chat.js";
import { Confirm, Dialog } from "./dialog.jsx";
import { KeyForm } from "./key_form.jsx";
import { Settings } from "./settings.jsx";

const close = () => app.set({ dialog: null });

function Rename({ chat, words }) {
  const [title, setTitle] = useState(chat.title);
  return (
    <Dialog title={words.rename} words={words} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          close();
          renameChat(chat.id, title.trim()).catch(notice);
        }}
      >
        <label class="field tall">
          <span class="visually-hidden">{words.rename}</span>
          <input
            name="title"
            value={title}
            maxLength={200}
            autofocus
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </label>
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            {words.cancel}
          </button>
          <button type="submit" class="button primary" disabled={!title.trim()}>
            {words.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

export const shortcuts = [
  ["Enter", "keys_send"],
  ["Shift Enter", "keys_line"],
  ["Esc", "keys_stop"],
  ["Ctrl Shift O", "keys_new"],
  ["Ctrl K", "keys_search"],
  ["↑", "keys_last"],
  ["Ctrl /", "keys_help"],
];

function Shortcuts({ words }) {
  return (
    <Dialog title={words.shortcuts} words={words} onClose={close}>
      <dl class="shortcuts">
        {shortcuts.map(([keys, word]) => (
          <>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd>{key}</kbd>
              ))}
            </dt>
            <dd>{words[word]}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}

export function Dialogs({ state, words }) {
  const { dialog } = state;
  if (!dialog) return null;
  const shared = { words, onClose: close };
  switch (dialog.kind) {
    case "settings":
      return <Settings {...shared} />;
    case "key":
      return (
        <Dialog title={words.key} {...shared}>
          <KeyForm state={state} words={words} onDone={close} />
        </Dialog>
      );
    case "rename":
      return <Rename chat={dialog.chat} words={words} />;
    case "shortcuts":
      return <Shortcuts words={words} />;
    default: {
      const all = dialog.kind === "delete_all";
      return (
        <Confirm
          title={all ? words.delete_all : words.delete}
          text={
            all ? words.delete_all_sure : words.delete_chat(dialog.chat.title || words.untitled)
          }
          action={words.delete}
          {...shared}
          onConfirm={() => {
            close();
            (all ? removeAllChats() : removeChat(dialog.chat.id)).catch(notice);
          }}
        />
      );
    }
  }
}
