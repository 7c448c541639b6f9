// SPDX-License-Identifier: Apache-2.0
// Files of a message: their text goes to the model in the form that DeepSeek's own chat uses.
import { FileError } from "./file_error.js";

const megabyte = 1 << 20;
const largest = { text: 2, pdf: 50 }; // MB

/** Text in UTF-8, UTF-16 with its mark, or what Chinese systems wrote before. */
function decode(bytes, name) {
  const mark =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "";
  for (const encoding of mark ? [mark] : ["utf-8", "gb18030"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      if (!text.includes("\0")) return text;
    } catch {
      // Another encoding, or no text at all.
    }
  }
  throw new FileError("file_not_text", name);
}

export async function readFile(file) {
  const isPdf = file.type === "application/pdf" || /\.pdf$/i.test(file.name);
  const limit = isPdf ? largest.pdf : largest.text;
  if (file.size > limit * megabyte) throw new FileError("file_too_large", file.name, limit);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!isPdf) return { name: file.name, kind: "text", text: decode(bytes, file.name) };
  const { pdfText } = await import("./pdf_text.js");
  const { text, pages } = await pdfText(bytes, file.name);
  if (text.length > largest.text * megabyte)
    throw new FileError("file_too_large", file.name, largest.text);
  return { name: file.name, kind: "pdf", pages, text };
}

/** What the model reads of a message. */
export function promptText(message) {
  const files = message.details?.attachments ?? [];
  const parts = files.map(
    ({ name, text }) => `[file name]: ${name}\n[file content begin]\n${text}\n[file content end]\n`,
  );
  return parts.join("") + message.content;
}
