// Removes from an npm lock file where each package was downloaded from: the integrity hash says
// what it is, and the place is the business of whoever installs it.
//
//   node scripts/strip-lock.mjs tests/peers/package-lock.json

import { readFileSync, writeFileSync } from "node:fs";

for (const path of process.argv.slice(2)) {
  const lock = JSON.parse(readFileSync(path, "utf8"));
  for (const entry of Object.values(lock.packages)) delete entry.resolved;
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
