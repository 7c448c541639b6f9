// SPDX-License-Identifier: Apache-2.0
import { getDocument, GlobalWorkerOptions } from "pdfjs-dist/legacy/build/pdf.mjs";
import { FileError } from "./file_error.js";
import { assetUrl } from "./assets.js";

const mostPages = 2000;

GlobalWorkerOptions.workerSrc = assetUrl("pdf_worker.js");

let maps = null;

/** The character maps of Chinese, Japanese and Korean fonts, all in one file: a line of JSON with
 *  their places, then their bytes. */
async function loadMaps() {
  const bytes = new Uint8Array(await (await fetch(assetUrl("cmaps.bin"))).arrayBuffer());
  const end = bytes.indexOf(10);
  const places = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return (name) => {
    if (!Object.hasOwn(places, name)) throw new Error(`no character map ${name}`);
    const [at, size] = places[name];
    return bytes.slice(end + 1 + at, end + 1 + at + size);
  };
}

class Maps {
  async fetch({ name }) {
    maps ??= loadMaps();
    return { cMapData: (await maps)(name), isCompressed: true };
  }
}

function pageText(items) {
  let text = "";
  for (const item of items) text += item.str + (item.hasEOL ? "\n" : "");
  return text.trim();
}

export async function pdfText(data, name) {
  const task = getDocument({
    data,
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    useWorkerFetch: false,
    cMapUrl: "packed/",
    cMapPacked: true,
    CMapReaderFactory: Maps,
  });
  try {
    const pdf = await task.promise;
    const pages = Math.min(pdf.numPages, mostPages);
    const texts = [];
    for (let number = 1; number <= pages; ++number) {
      const page = await pdf.getPage(number);
      texts.push(pageText((await page.getTextContent()).items));
      page.cleanup();
    }
    const text = texts.join("\n\n").trim();
    if (!text) throw new FileError("file_no_text", name);
    return { text, pages };
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError("file_bad", name);
  } finally {
    await task.destroy();
  }
}
