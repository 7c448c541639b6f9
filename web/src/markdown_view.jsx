// SPDX-License-Identifier: Apache-2.0
import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { copyText } from "./copy.js";
import { highlight } from "./highlight.js";
import { blocksOf, drawBlock } from "./markdown.js";

let math = null; // the module, once a formula was seen

function addCopyButton(pre, words) {
  const code = pre.querySelector("code");
  if (!code) return;
  const language =
    [...code.classList].find((name) => name.startsWith("language-"))?.slice("language-".length) ??
    "";
  const text = code.textContent;
  highlight(code, language);
  const head = document.createElement("div");
  head.className = "code-head";
  const label = document.createElement("span");
  label.textContent = language;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "text-button copy-code";
  button.textContent = words.copy;
  button.setAttribute("aria-label", words.copy_code);
  button.addEventListener("click", async () => {
    await copyText(text);
    button.textContent = words.copied;
    setTimeout(() => (button.textContent = words.copy), 1500);
  });
  head.append(label, button);
  const frame = document.createElement("div");
  frame.className = "code";
  pre.replaceWith(frame);
  pre.tabIndex = 0; // to scroll with keys
  frame.append(head, pre);
}

function frameTable(table) {
  const frame = document.createElement("div");
  frame.className = "table-frame";
  frame.tabIndex = 0;
  table.replaceWith(frame);
  frame.append(table);
}

const Block = memo(
  function Block({ token, words }) {
    const place = useRef(null);
    const [mathReady, setMathReady] = useState(math !== null);
    useLayoutEffect(() => {
      const fragment = drawBlock(token);
      for (const pre of fragment.querySelectorAll("pre")) addCopyButton(pre, words);
      for (const table of fragment.querySelectorAll("table")) frameTable(table);
      if (fragment.querySelector(".math-inline, .math-block")) {
        if (math) math.drawMath(fragment);
        else
          import("./math.js").then((module) => {
            math = module;
            setMathReady(true);
          });
      }
      place.current.replaceChildren(fragment);
    }, [token.raw, words, mathReady]);
    return <div class="block" ref={place} />;
  },
  (before, after) => before.token.raw === after.token.raw && before.words === after.words,
);

export function Markdown({ text, words }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  return (
    <div class="markdown">
      {blocks.map((token, index) => (
        <Block key={index} token={token} words={words} />
      ))}
    </div>
  );
}

/** A time that runs while `since` is given. */
export function useSeconds(since) {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    if (since === null || since === undefined) return;
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, [since]);
  return since === null || since === undefined ? 0 : Math.max(0, (now - since) / 1000);
}
