// The gateway is a native program; this file keeps the place of the reference's entry, so that
// commands written for it go on to work. A real Node that runs it starts that program.
import { spawnSync } from "node:child_process";
const run = spawnSync("openclaw", process.argv.slice(2), { stdio: "inherit" });
process.exit(run.status ?? 1);
