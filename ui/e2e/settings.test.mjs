// What is set up in the page: the configuration by its form, agents, keys; and the sandboxes.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ARTIFACTS, axeFaults, browser, enter, Gateway, openPage, until } from "./harness.mjs";

let gateway;
let chromium;
let page;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  page = await openPage(chromium, { bypassCSP: true });
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

const stored = () => JSON.parse(readFileSync(gateway.config, "utf8"));
const raw = () => page.getByLabel("Text", { exact: true });
const written = async () => JSON.parse(await raw().inputValue());
const fold = (name) => page.locator(".fold-head", { hasText: new RegExp(`^${name}`) });

async function save(on) {
  await on.getByRole("button", { name: "Review and save" }).click();
  await on.getByRole("button", { name: "Save and apply" }).click();
  await on.getByText("Saved.").waitFor();
}

test("a list of things is a form for each: one is added, moved, filled in and removed", async () => {
  await enter(page, gateway, "config?section=agents");
  await fold("List").click();
  const list = page.locator(".fold", { has: fold("List") });
  const add = list.getByRole("button", { name: "Add one" });
  await add.click();
  await page.getByText("This is needed.").first().waitFor();
  await page.keyboard.type("main");
  await page.keyboard.press("Tab");
  await add.click();
  await page.keyboard.type("helper");
  await page.keyboard.press("Tab");
  await until(async () => (await written()).agents.list?.[1]?.id === "helper", "two agents");

  await page.getByRole("button", { name: "Move helper up" }).click();
  assert.deepEqual(
    (await written()).agents.list.map((it) => it.id),
    ["helper", "main"],
  );
  assert.equal(
    await page.evaluate(() => document.activeElement?.closest(".item")?.textContent?.slice(0, 6)),
    "helper",
    "the focus goes along",
  );
  await page.screenshot({ path: join(ARTIFACTS, "config-list.png") });
  assert.deepEqual(await axeFaults(page), []);
  await page.getByRole("button", { name: "Remove helper" }).click();
  assert.deepEqual((await written()).agents.list, [{ id: "main" }]);
  await page.getByRole("button", { name: "Remove this setting: agents.list", exact: true }).click();
  assert.equal((await written()).agents.list, undefined);
});

test("entries under names of one's own, and settings of several forms", async () => {
  await enter(page, gateway, "config?section=models");
  await fold("Providers").click();
  await page.getByLabel("Providers: Name").fill("mock");
  await page.getByText("This name is there already.").waitFor();
  await page.getByLabel("Providers: Name").fill("spare");
  await page.keyboard.press("Enter");
  await fold("spare").click();
  await page.getByLabel("Base URL").last().fill("http://127.0.0.1:9/v1");
  await page.getByLabel("Base URL").last().blur();
  const made = (await written()).models.providers.spare;
  assert.equal(made.baseUrl, "http://127.0.0.1:9/v1");
  await page
    .getByRole("button", { name: "Remove this setting: models.providers.spare" })
    .first()
    .click();
  assert.equal((await written()).models.providers.spare, undefined);

  await page.getByRole("button", { name: "Agents", exact: true }).first().click();
  await fold("Defaults").click();
  const model = page.getByLabel("Image model", { exact: true });
  await model.selectOption("Text");
  assert.equal((await written()).agents.defaults.imageModel, "");
  await model.selectOption("Several settings");
  assert.deepEqual((await written()).agents.defaults.imageModel, {});
  await model.selectOption("default");
  assert.equal((await written()).agents.defaults.imageModel, undefined);
});

test("what the gateway refuses is told at its place in the form", async () => {
  await enter(page, gateway, "config?section=gateway");
  const before = await raw().inputValue();
  await raw().fill(before.replace('"loopback"', '"moon"'));
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByRole("button", { name: "Save and apply" }).click();

  await page.locator(".config-form .field", { hasText: "Bind" }).getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
});

test("a change of somebody else is told at once, and compared before it is written over", async () => {
  await enter(page, gateway, "config?section=logging");
  await page.getByLabel("Level", { exact: true }).selectOption("debug");
  const other = await openPage(chromium);
  await enter(other, gateway, "config?section=logging");
  await other.getByLabel("Console level", { exact: true }).selectOption("warn");
  await save(other);
  await other.context().close();

  await page.getByText("The file changed meanwhile").waitFor();
  await page.getByRole("button", { name: "Compare and keep mine" }).click();
  await page.locator(".diff .del", { hasText: "consoleLevel" }).waitFor();
  await page.locator(".diff .add", { hasText: '"level": "debug"' }).waitFor();
  await page.getByRole("button", { name: "Save and apply" }).click();
  await page.getByText("Saved.").waitFor();

  assert.equal(stored().logging.level, "debug");
  assert.equal(stored().logging.consoleLevel, undefined);
});

test("with nothing typed, a change of somebody else just shows", async () => {
  await enter(page, gateway, "config?section=logging");
  await until(async () => (await raw().inputValue()).includes("logging"), "the text");
  await gateway.cli(["config", "set", "logging.consoleLevel", "error"]);

  await until(async () => (await written()).logging.consoleLevel === "error", "the new text");
});

test("an agent is made, changed, and deleted", async () => {
  await enter(page, gateway, "agents");
  await page.getByRole("button", { name: "New agent" }).click();
  await page.getByLabel("Name").fill("Scribe");
  await page.getByLabel("Emoji").fill("✒️");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Scribe" }).waitFor();
  await page.screenshot({ path: join(ARTIFACTS, "agents-new.png") });
  assert.equal(stored().agents.list.find((it) => it.id === "scribe").name, "Scribe");

  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Model").selectOption("mock/two");
  await page.getByRole("button", { name: "Save" }).last().click();
  await page.locator(".facts", { hasText: "mock/two" }).waitFor();

  await page.getByRole("button", { name: "Delete" }).click();
  await page.locator("dialog.question .danger").click();
  await page.getByRole("heading", { name: "Scribe" }).waitFor({ state: "detached" });
  assert.equal(
    stored().agents.list.some((it) => it.id === "scribe"),
    false,
  );
  assert.equal(existsSync(join(gateway.home, ".openclaw/workspace-scribe")), false);
});

test("a key goes into the configuration, and is never shown again", async () => {
  await enter(page, gateway, "models");
  await page.getByRole("button", { name: "Add a key" }).click();
  await page.getByLabel("Provider").selectOption({ label: "Mistral" });
  await page.getByLabel("Key", { exact: true }).fill("sk-e2e-0123456789");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();

  assert.equal(stored().env.vars.MISTRAL_API_KEY, "sk-e2e-0123456789");
  await page.getByRole("heading", { name: "mistral" }).waitFor();
  for (const view of ["models", "config?section=env"]) {
    await enter(page, gateway, view);
    await until(async () => (await page.locator(".skeleton").count()) === 0, "loaded");
    assert.doesNotMatch(await page.content(), /sk-e2e-0123456789/);
  }
  assert.doesNotMatch(await raw().inputValue(), /sk-e2e-0123456789/);
});

test("a model that answered is told to work", async () => {
  await enter(page, gateway);
  await page.locator(".composer textarea").fill("hello");
  await page.keyboard.press("Enter");
  await page.locator(".end").waitFor();

  await enter(page, gateway, "models");
  await page.locator(".list li", { hasText: "one" }).getByText("Worked just now").waitFor();
  await page.locator(".list li", { hasText: "two" }).getByText("Not tried yet").waitFor();
});

const BOX = {
  containerName: "openclaw-sbx-1",
  sessionKey: "agent:main:project:workspace:0123456789abcdef",
  createdAtMs: Date.now() - 3_600_000,
  lastUsedAtMs: Date.now() - 60_000,
  image: "openclaw-sandbox:bookworm-slim",
  running: true,
  imageMatch: true,
  backendId: "docker",
  stats: { cpuPercent: 42, memoryBytes: 100 << 20, memoryLimitBytes: 512 << 20, pids: 3 },
  limits: { cpus: 2, memoryBytes: 512 << 20, pids: 100 },
  lastCommands: [
    { command: "sleep 60", atMs: Date.now() - 1_000 },
    { command: "echo \u202egnp.exe", atMs: Date.now() - 9_000, tookMs: 1_200, exitCode: 3 },
    { command: "make", atMs: Date.now() - 90_000, tookMs: 65_000, signal: 9 },
  ],
};

test("a sandbox tells for whom it is, what it may use and uses, and what ran in it", async () => {
  const own = await openPage(chromium, { bypassCSP: true });
  const asked = [];
  // No engine is needed to see what the page makes of an answer.
  await own.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    const lists = new Set();
    socket.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.method === "sandbox.list") lists.add(frame.id);
      if (frame.method === "sandbox.recreate") {
        asked.push(frame.params);
        const payload = { removed: [BOX.containerName], failed: [] };
        socket.send(JSON.stringify({ type: "res", id: frame.id, ok: true, payload }));
      } else server.send(text);
    });
    server.onMessage((text) => {
      const frame = JSON.parse(text);
      if (lists.has(frame.id)) frame.payload = { containers: [BOX], browsers: [], spares: 2 };
      socket.send(JSON.stringify(frame));
    });
  });
  await enter(own, gateway, "sandboxes");

  const box = own.locator(".box");
  await box.getByRole("link", { name: "project" }).waitFor();
  for (const told of [
    "42 %",
    "/ 2 CPU",
    "100 MB",
    "/ 512 MB",
    "/ 100",
    "exit 3",
    "1.2 s",
    "signal 9",
    "1 min",
  ]) {
    await box.getByText(told).first().waitFor();
  }
  assert.match(await box.innerText(), /echo ⟨U\+202E⟩gnp\.exe/);
  assert.equal(
    await own.locator(".tiles > *", { hasText: "Spares" }).innerText(),
    "Spares ready\n2",
  );
  await own.screenshot({ path: join(ARTIFACTS, "sandboxes-full.png"), fullPage: true });
  assert.deepEqual(await axeFaults(own), []);
  await box.getByRole("button", { name: /Recreate/ }).click();
  await own.locator("dialog.question .danger").click();
  await own.getByText("Removed: 1.").waitFor();
  assert.deepEqual(asked, [{ sessionKey: BOX.sessionKey }]);
  await own.context().close();
});

test("nothing went wrong on the page all the while", () => {
  assert.deepEqual(page.wrongs, []);
});
