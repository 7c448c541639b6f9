// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { sendMessage, stopAnswer } from "./answer.js";
import { app, notice } from "./app_state.js";
import { readFile } from "./attachments.js";
import { pathOf } from "./chat_tree.js";
import { FileError } from "./file_error.js";
import { Icon, IconButton } from "./icons.jsx";
import { Meter } from "./meter.jsx";

const tallest = 240; // px of the field

function lastQuestion(chat) {
  return pathOf(chat.messages, chat.choices).findLast(({ message }) => message.role === "user")
    ?.message;
}

export function Composer({ state, words }) {
  const [text, setText] = useState("");
  const [files, setFiles] = useState([]);
  const [reading, setReading] = useState([]); // names
  const [over, setOver] = useState(false);
  const field = useRef(null);
  const picker = useRef(null);
  const busy = state.live !== null;

  useEffect(() => {
    const element = field.current;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, tallest)}px`;
  }, [text]);
  useEffect(() => {
    setFiles([]);
    if (window.matchMedia("(min-width: 760px)").matches) field.current.focus();
  }, [state.route.chat]);

  const attach = async (list) => {
    setReading((names) => [...names, ...list.map(({ name }) => name)]);
    for (const file of list) {
      try {
        const read = await readFile(file);
        setFiles((known) => [...known, read]);
      } catch (error) {
        notice(error instanceof FileError ? words[error.word](...error.values) : error);
      }
      setReading((names) => names.filter((_, i) => i !== names.indexOf(file.name)));
    }
  };
  const ready = !busy && !reading.length && (text.trim() || files.length > 0);
  const send = () => {
    if (!ready) return;
    const said = { text: text.trim(), files };
    setText("");
    setFiles([]);
    sendMessage(said.text, said.files).catch((error) => {
      notice(error);
      setText((now) => now || said.text);
      setFiles((now) => (now.length ? now : said.files));
    });
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
    if (event.key === "ArrowUp" && !text && !busy) {
      const question = lastQuestion(state.chat);
      if (!question) return;
      event.preventDefault();
      app.set({ editing: question.id });
    }
  };
  return (
    <form
      class={over ? "composer over" : "composer"}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        attach([...event.dataTransfer.files]);
      }}
    >
      <div class="composer-box">
        {(files.length > 0 || reading.length > 0) && (
          <ul class="files">
            {files.map((file, index) => (
              <li>
                <Icon name="file" />
                <span class="file-name">{file.name}</span>
                {file.pages > 0 && <span class="quiet">{words.pages(file.pages)}</span>}
                <IconButton
                  name="close"
                  label={words.remove_file(file.name)}
                  onClick={() => setFiles(files.filter((_, i) => i !== index))}
                />
              </li>
            ))}
            {reading.map((name) => (
              <li class="quiet working" role="status">
                {words.reading_file(name)}
              </li>
            ))}
          </ul>
        )}
        <textarea
          id="message"
          ref={field}
          rows={1}
          value={text}
          placeholder={over ? words.drop_here : words.message_hint}
          aria-label={words.message}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            if (!event.clipboardData.files.length) return;
            event.preventDefault();
            attach([...event.clipboardData.files]);
          }}
        />
        <div class="composer-foot">
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              attach([...event.currentTarget.files]);
              event.currentTarget.value = "";
            }}
          />
          <IconButton name="clip" label={words.attach} onClick={() => picker.current.click()} />
          <Meter state={state} words={words} />
          {busy ? (
            <button
              type="button"
              class="send"
              aria-label={words.stop}
              title={words.stop}
              onClick={stopAnswer}
            >
              <Icon name="stop" />
            </button>
          ) : (
            <button
              type="submit"
              class="send"
              aria-label={words.send}
              title={words.send}
              disabled={!ready}
            >
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
    </form>
  );
}
