// Composes player.html, the template of the page with which a bundle shows its session. All scripts
// and styles are in the page, and its Content-Security-Policy allows these and nothing else, by their
// hashes: no network, and no script that the bytes of a session could bring.
//
// usage: node compose.mjs FOLDER_OF_NODE_MODULES OUTPUT

import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [modules, output] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const page = (name) => readFileSync(join(here, name), "utf8");
const packaged = (name) => readFileSync(join(modules, name), "utf8");
const allowed = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const asHtml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

const player = "asciinema-player/dist/bundle/asciinema-player";
const parts = {
  PLAYER_CSS: packaged(`${player}.css`),
  PAGE_CSS: page("page.css"),
  PLAYER_JS: packaged(`${player}.min.js`),
  PAGE_JS: page("page.js"),
  LICENCES: ["asciinema-player", "solid-js"]
    .map((name) => asHtml(`${name}\n\n${packaged(`${name}/LICENSE`)}`)).join("\n\n"),
};
for (const name of ["PLAYER_JS", "PAGE_JS"]) {
  if (/<\/script|<!--/i.test(parts[name])) throw new Error(`${name} cannot stand inside a page`);
}
parts.POLICY = [
  "default-src 'none'",
  `script-src ${allowed(parts.PLAYER_JS)} ${allowed(parts.PAGE_JS)} 'wasm-unsafe-eval'`,
  `style-src ${allowed(parts.PLAYER_CSS)} ${allowed(parts.PAGE_CSS)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const html = page("page.html").replace(/%([A-Z_]+)%/g, (_, name) => parts[name]);
writeFileSync(`${output}.new`, html);
renameSync(`${output}.new`, output);
