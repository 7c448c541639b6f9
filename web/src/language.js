// SPDX-License-Identifier: Apache-2.0
import { en } from "./words/en.js";
import { zh } from "./words/zh.js";
import { recall, remember } from "./memory.js";

const languages = { en, zh };

export function firstLanguage() {
  const kept = recall("language");
  if (kept in languages) return kept;
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith("zh")) ? "zh" : "en";
}

export function keepLanguage(language) {
  remember("language", language);
}

export const wordsOf = (language) => languages[language];
export const tagOf = (language) => (language === "zh" ? "zh-CN" : "en");
