// SPDX-License-Identifier: Apache-2.0
/** The head of a page beside the chat, with what went wrong on it. */
export function PageHead({ title, error, words }) {
  return (
    <>
      <header class="operator-head">
        <h1>{title}</h1>
        <a class="button" href="#">
          {words.back_to_chat}
        </a>
      </header>
      {error && (
        <p class="banner" role="alert">
          {error}
        </p>
      )}
    </>
  );
}
