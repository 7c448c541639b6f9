// SPDX-License-Identifier: Apache-2.0
// What a model wrote, as elements. Nothing of it is trusted: HTML that it wrote itself is shown as text
// but for bare tags, DOMPurify leaves what is listed here, and the page's policy would stop the rest.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const tags =
  "a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img input ins kbd " +
  "li mark ol p pre q s small span strong sub summary sup table tbody td tfoot th thead tr u ul";
const attributes =
  "align alt checked class colspan disabled href open rowspan src start title type";
/** Tags that may stand in the text as HTML, without attributes. */
const bareTag =
  /^<\/?(?:b|br|del|details|em|hr|i|ins|kbd|li|mark|ol|p|q|s|small|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul)\s*\/?>$/i;
const ownClass = /^(language-[\w+#.-]+|math-inline|math-block)$/;
const linkSchemes = /^(https?:|mailto:)/i;
const inlinePicture = /^data:image\/(png|jpeg|gif|webp);base64,/i;

const escape = (text) =>
  text.replace(
    /[&<>"']/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c],
  );

/** $$…$$ and \[…\] stand alone, $…$ and \(…\) within a line. A dollar before a blank is money. */
const mathBlock = {
  name: "mathBlock",
  level: "block",
  start: (text) => text.match(/\$\$|\\\[/)?.index,
  tokenizer(text) {
    const found = /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/.exec(text);
    if (found) return { type: "mathBlock", raw: found[0], text: (found[1] ?? found[2]).trim() };
  },
  renderer: ({ text }) => `<div class="math-block">${escape(text)}</div>`,
};
const mathInline = {
  name: "mathInline",
  level: "inline",
  start: (text) => text.match(/\$|\\\(|\\\[/)?.index,
  tokenizer(text) {
    const found =
      /^(?:\$\$([^$]+?)\$\$|\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)|\\\(([\s\S]+?)\\\)|\\\[([\s\S]+?)\\\])/.exec(
        text,
      );
    if (found)
      return {
        type: "mathInline",
        raw: found[0],
        text: found
          .slice(1)
          .find((one) => one !== undefined)
          .trim(),
      };
  },
  renderer: ({ text }) => `<span class="math-inline">${escape(text)}</span>`,
};

/** HTML within Markdown: bare tags stay, the rest is text. */
const tamed = (html) =>
  html.replace(/<[^<>]*>|[<>&]/g, (part) => (bareTag.test(part) ? part : escape(part)));

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [mathBlock, mathInline],
  renderer: {
    html: ({ text }) => tamed(text),
    text(token) {
      return token.tokens
        ? this.parser.parseInline(token.tokens)
        : escape(token.text).replace(/&amp;(#?\w{1,32};)/g, "&$1");
    },
    // A picture from elsewhere is a link: the page loads nothing that a model names.
    image({ href, text }) {
      const label = escape(text || href);
      if (inlinePicture.test(href)) return `<img src="${escape(href)}" alt="${label}">`;
      return `<a href="${escape(href)}">${label}</a>`;
    },
  },
});

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.hasAttribute("class")) {
    const kept = [...node.classList].filter((name) => ownClass.test(name));
    if (kept.length) node.setAttribute("class", kept.join(" "));
    else node.removeAttribute("class");
  }
  if (node.nodeName === "A") {
    if (linkSchemes.test(node.getAttribute("href") ?? "")) {
      node.setAttribute("target", "_blank");
      node.setAttribute("rel", "noopener noreferrer nofollow");
    } else {
      node.removeAttribute("href");
    }
  }
  if (node.nodeName === "IMG" && !inlinePicture.test(node.getAttribute("src") ?? ""))
    node.removeAttribute("src");
  if (node.nodeName === "INPUT" && node.getAttribute("type") !== "checkbox") node.remove();
  else if (node.nodeName === "INPUT") node.setAttribute("disabled", "");
});

function sanitised(html) {
  const fragment = purifier.sanitize(html, {
    ALLOWED_TAGS: tags.split(" "),
    ALLOWED_ATTR: attributes.split(" "),
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const picture of fragment.querySelectorAll("img:not([src])"))
    picture.replaceWith(document.createTextNode(picture.getAttribute("alt") ?? ""));
  return fragment;
}

/** The text's blocks: { raw, token }. A block whose raw text is the same draws the same. */
export const blocksOf = (text) => marked.lexer(text).filter((token) => token.type !== "space");

/** A block's elements. */
export const drawBlock = (token) => sanitised(marked.parser([token]));

/** A whole text's elements. */
export const draw = (text) => sanitised(marked.parse(text));
