// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "./icons.jsx";

/** A modal dialogue: Esc and a press beside it close it, focus returns to where it was. */
export function Dialog({ title, words, onClose, children, wide }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    return () => {
      if (element.open) element.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "wide" : ""}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id="dialog-title">{title}</h2>
          <IconButton name="close" label={words.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Confirm({ title, text, action, words, onClose, onConfirm }) {
  return (
    <Dialog title={title} words={words} onClose={onClose}>
      <p>{text}</p>
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose} autofocus>
          {words.cancel}
        </button>
        <button type="button" class="button danger" onClick={onConfirm}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
