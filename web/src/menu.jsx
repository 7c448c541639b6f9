// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.jsx";

/** A button that opens a list of actions: arrows move, Esc closes. `items`: { text, act, danger }. */
export function Menu({ icon, label, items, class: name = "", above }) {
  const [open, setOpen] = useState(false);
  const root = useRef(null);
  const button = useRef(null);
  useEffect(() => {
    if (!open) return;
    root.current.querySelector("[role=menuitem]")?.focus();
    const away = (event) => !root.current.contains(event.target) && setOpen(false);
    document.addEventListener("mousedown", away);
    return () => document.removeEventListener("mousedown", away);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current.focus();
  };
  const onKeyDown = (event) => {
    if (!open) return;
    const entries = [...root.current.querySelectorAll("[role=menuitem]")];
    const at = entries.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) entries.at((at + step) % entries.length).focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") setOpen(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={`menu ${name}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="icon-button"
        ref={button}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name={icon} />
      </button>
      {open && (
        <div role="menu" aria-label={label} class={above ? "menu-list above" : "menu-list"}>
          {items.map(({ text, act, danger }) => (
            <button
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={danger ? "danger" : ""}
              onClick={() => {
                close();
                act();
              }}
            >
              {text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
