// SPDX-License-Identifier: Apache-2.0
/** Copies text, also where the page came over plain HTTP and browsers have no clipboard. */
export async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // Not allowed: the old way below may be.
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "off-screen";
  const focused = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  focused?.focus();
}
