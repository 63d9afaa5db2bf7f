// A gateway with a home of its own, a scripted model, and a browser to look at them with.
//
// Needs the debug program (`cargo build -p cli -p testkit --bins`), the built page, and Chromium.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { startModel } from "./model.mjs";

const ROOT = new URL("../..", import.meta.url).pathname;
const BIN =
  process.env.OPENCLAW_BIN ??
  join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "debug/openclaw");
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const PATIENCE_MS = 20_000;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const TOKEN = "e2e-token";
export const ARTIFACTS = join(ROOT, "ui/artifacts");
mkdirSync(ARTIFACTS, { recursive: true });

/** Asks again until `look` yields something, for a while. */
export async function until(look, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A gateway that can be stopped and started again on its port. */
export class Gateway {
  static async start(change = (config) => config) {
    if (!existsSync(BIN)) throw new Error(`${BIN} is not built`);
    const gateway = new Gateway();
    gateway.home = mkdtempSync(join(tmpdir(), "openclaw-ui-"));
    gateway.model = await startModel();
    gateway.port = await freePort();
    mkdirSync(join(gateway.home, ".openclaw"));
    const model = (id) => ({
      id,
      name: id,
      contextWindow: 200_000,
      maxTokens: 8192,
      input: ["text", "image"],
      cost: { input: 3, output: 15, cacheRead: 0, cacheWrite: 0 },
    });
    const config = change({
      gateway: { mode: "local", bind: "loopback", port: gateway.port, auth: { token: TOKEN } },
      agents: { defaults: { model: { primary: "mock/one" }, heartbeat: { every: "0m" } } },
      models: {
        providers: {
          mock: {
            baseUrl: `${gateway.model.url}/v1`,
            apiKey: "none",
            api: "openai-completions",
            models: [model("one"), model("two")],
          },
        },
      },
      tools: { exec: { host: "gateway", security: "full", ask: "off" } },
      logging: { file: join(gateway.home, "gateway.log") },
    });
    gateway.config = join(gateway.home, ".openclaw/openclaw.json");
    writeFileSync(gateway.config, JSON.stringify(config, null, 2));
    gateway.base = config.gateway.controlUi?.basePath ?? "";
    try {
      await gateway.run();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  get url() {
    return `http://127.0.0.1:${this.port}${this.base}/`;
  }

  async run() {
    this.child = spawn(BIN, ["gateway", "run"], {
      env: { HOME: this.home, PATH: process.env.PATH, LANG: "C.UTF-8" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.output = "";
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (chunk) => (this.output += chunk));
    }
    await until(async () => {
      if (this.child.exitCode !== null) throw new Error(this.output);
      return (await fetch(`http://127.0.0.1:${this.port}/healthz`)).ok;
    }, `the gateway at ${this.port}`).catch((error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
  }

  /** Runs the program as a person beside the gateway would. */
  async cli(args) {
    const child = spawn(BIN, args, {
      env: { HOME: this.home, PATH: process.env.PATH, LANG: "C.UTF-8" },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (it) => (output += it));
    const code = await new Promise((resolve) => child.once("exit", resolve));
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${output}`);
    return output;
  }

  /** Ends the program, as a crash of the machine would. */
  async halt() {
    if (!this.child || this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await gone;
  }

  async stop() {
    await this.halt();
    this.model.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A proxy in front of a gateway, which says that whoever comes is from far away. */
export async function proxyTo(port) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    near.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      const isHead = /^GET [^\n]* HTTP\/1\.1\r\n/.test(text);
      far.write(
        isHead ? text.replace("\r\n", "\r\nX-Forwarded-For: 192.0.2.9\r\n") : chunk,
        "latin1",
      );
    });
    near.on("end", () => far.end());
    far.pipe(near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export function browser() {
  const executablePath = BROWSERS.find((path) => existsSync(path));
  if (!executablePath) throw new Error("Chromium is not installed");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return chromium.launch({ executablePath, args });
}

/** A page that notes what goes wrong on it. */
export async function openPage(from, options = {}) {
  const { width = 1280, height = 800, theme = "light", language = "en", ...rest } = options;
  const context = await from.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: language === "zh" ? "zh-CN" : "en-US",
    permissions: ["clipboard-read", "clipboard-write"],
    ...rest,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.wrongs = [];
  page.on("pageerror", (error) => page.wrongs.push(`error: ${error.message}`));
  page.on("console", (line) => {
    // A gateway that is being restarted refuses connections; that is no fault of the page.
    if (
      line.type() === "error" &&
      !/ERR_CONNECTION_REFUSED|WebSocket connection/.test(line.text())
    ) {
      page.wrongs.push(`console: ${line.text()}`);
    }
  });
  page.requested = [];
  page.on("request", (request) => page.requested.push(request.url()));
  return page;
}

/** Opens a view with the token in the address. */
export async function enter(page, gateway, path = "") {
  const [before, query] = path.split("?");
  await page.goto(`${gateway.url}${before}${query ? `?${query}` : ""}#token=${TOKEN}`);
  await page.locator(".shell").waitFor();
}

/** Says something in the chat. */
export async function say(page, text) {
  await page.locator(".composer textarea").fill(text);
  await page.keyboard.press("Enter");
}

/** Serious faults of access of what is shown. The page must be open with `bypassCSP`. */
export async function axeFaults(page) {
  await page.evaluate(AXE);
  const result = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  const grave = result.violations.filter((it) => ["serious", "critical"].includes(it.impact));
  return grave.map(
    (it) =>
      `${it.id}: ${it.nodes.map((node) => `${node.target} ${node.failureSummary?.slice(0, 200)}`).join("; ")}`,
  );
}
