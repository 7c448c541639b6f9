// SPDX-License-Identifier: Apache-2.0
// build.mjs FOLDER: writes the page's bundle. The same sources and lock file give the same bytes.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
if (!process.argv[2]) throw new Error("usage: node build.mjs FOLDER");
const out = resolve(process.argv[2]);

const names = {}; // "cmaps.bin" → "cmaps-0123ABCD.bin"

async function write(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
  const type = extname(name);
  names[name] = `${basename(name, type)}-${hash}${type}`;
  await writeFile(join(out, names[name]), bytes);
}

/** A line of JSON with the place of each map, then the maps. */
async function packMaps() {
  const folder = join(here, "node_modules/pdfjs-dist/cmaps");
  const places = {};
  const parts = [];
  let at = 0;
  for (const file of (await readdir(folder)).sort()) {
    if (!file.endsWith(".bcmap")) continue;
    const bytes = await readFile(join(folder, file));
    places[basename(file, ".bcmap")] = [at, bytes.length];
    parts.push(bytes);
    at += bytes.length;
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(places)}\n`), ...parts]);
}

/** KaTeX offers its fonts in three forms; every browser that runs the page reads the first. */
const woff2Alone = {
  name: "woff2-alone",
  setup({ onLoad }) {
    onLoad({ filter: /katex\.min\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(
        /,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g,
        "",
      ),
      loader: "css",
    }));
  },
};

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome108", "firefox108", "safari16.4"],
  legalComments: "none",
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  logLevel: "warning",
};

const packages = ["dompurify", "highlight.js", "katex", "marked", "pdfjs-dist", "preact"];
const licenceFiles = { marked: "LICENSE.md" };

async function licences() {
  const texts = ["This page is made with the following libraries.\n"];
  for (const name of packages) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const text = await readFile(join(folder, licenceFiles[name] ?? "LICENSE"), "utf8");
    texts.push(`${"=".repeat(78)}\n${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  const maps = await readFile(join(here, "node_modules/pdfjs-dist/cmaps/LICENSE"), "utf8");
  texts.push(`${"=".repeat(78)}\nAdobe's character maps, in pdfjs-dist\n\n${maps.trim()}\n`);
  return texts.join("\n");
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const worker = await build({
  ...shared,
  write: false,
  entryPoints: { pdf_worker: "node_modules/pdfjs-dist/legacy/build/pdf.worker.mjs" },
});
await write("pdf_worker.js", worker.outputFiles[0].contents);
await write("cmaps.bin", await packMaps());
await write("icon.svg", await readFile(join(here, "src/icon.svg")));
await write("licences.txt", Buffer.from(await licences()));

const { metafile } = await build({
  ...shared,
  splitting: true,
  metafile: true,
  entryPoints: { main: "src/main.jsx" },
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { ASSETS: JSON.stringify(names) },
  loader: { ".woff2": "file" },
  plugins: [woff2Alone],
});
for (const [path, { entryPoint, cssBundle }] of Object.entries(metafile.outputs)) {
  if (entryPoint !== "src/main.jsx") continue;
  names["main.js"] = basename(path);
  names["main.css"] = basename(cssBundle);
}

const page = await readFile(join(here, "src/index.html"), "utf8");
await writeFile(
  join(out, "index.html"),
  page.replace(/\{([\w.]+)\}/g, (_, name) => names[name]),
);
