// SPDX-License-Identifier: Apache-2.0
import katex from "katex";

/** Draws every formula under `root` with the page's fonts; `output` "mathml" needs none. */
export function drawMath(root, output = "htmlAndMathml") {
  for (const place of root.querySelectorAll(".math-inline, .math-block")) {
    const displayMode = place.classList.contains("math-block");
    const tex = place.textContent;
    try {
      // Elements are built one by one, since the page's policy allows no style within HTML.
      katex.render(tex, place, {
        displayMode,
        output,
        throwOnError: true,
        strict: "ignore",
        trust: false,
        maxSize: 50,
        maxExpand: 500,
      });
    } catch (error) {
      place.textContent = tex; // KaTeX's own way to show an error carries a style within HTML
      place.title = error.message;
    }
  }
}
