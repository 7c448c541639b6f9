// SPDX-License-Identifier: Apache-2.0
/** A refusal, named by a word of the dictionary. */
export class FileError extends Error {
  constructor(word, ...values) {
    super(word);
    this.word = word;
    this.values = values;
  }
}
