// After a build: drops files of earlier builds, writes the small forms that browsers take, tells
// the sizes and fails when they are over the budget.
//
//   node scripts/finish.mjs

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url).pathname;
const FIRST_VIEW_BYTES_MAX = 70 * 1024;
const WHOLE_BYTES_MAX = 120 * 1024;

const manifest = JSON.parse(readFileSync(join(DIST, ".vite/manifest.json"), "utf8"));
const entries = Object.values(manifest);
const made = new Set(entries.flatMap((it) => [it.file, ...(it.css ?? []), ...(it.assets ?? [])]));

for (const name of readdirSync(join(DIST, "assets"))) {
  if (!made.has(`assets/${name}`)) rmSync(join(DIST, "assets", name));
}

const gzipped = new Map();
const places = [...made, "favicon.svg", "manifest.webmanifest"];
for (const name of places) {
  const bytes = readFileSync(join(DIST, name));
  const small = gzipSync(bytes, { level: 9 });
  const smaller = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
  });
  writeFileSync(join(DIST, `${name}.gz`), small);
  writeFileSync(join(DIST, `${name}.br`), smaller);
  gzipped.set(name, small.length);
}
rmSync(join(DIST, ".vite"), { recursive: true });

// The first view is the entry, and what the chat (where one arrives) brings at once.
const first = new Set();
const take = (key) => {
  const it = manifest[key];
  for (const name of [it.file, ...(it.css ?? [])]) first.add(name);
  for (const other of it.imports ?? []) take(other);
};
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
take(entry);

const sum = (names) => [...names].reduce((total, name) => total + (gzipped.get(name) ?? 0), 0);
const isCode = (name) => /\.(js|css)$/.test(name);
const firstBytes = sum([...first].filter(isCode));
const wholeBytes = sum([...made].filter(isCode));
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
console.log(`first view ${kb(firstBytes)} gzip, whole ${kb(wholeBytes)} gzip`);
if (firstBytes > FIRST_VIEW_BYTES_MAX || wholeBytes > WHOLE_BYTES_MAX) {
  console.error("error: over the budget of 70 KB for the first view and 120 KB in all");
  process.exit(1);
}
