// Skills: what is there, what it lacks, a key that is given once and never shown, and a switch.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ARTIFACTS, browser, enter, Gateway, openPage, until } from "./harness.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SECRET = "sesame-open-4711";

let gateway;
let chromium;

function put(name, front) {
  const dir = join(gateway.home, ".openclaw/skills", name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "SKILL.md"), `---\nname: ${name}\n${front}---\n# How\n`);
}

before(async () => {
  gateway = await Gateway.start();
  put("notes", "description: Keeps notes in the workspace.\n");
  put(
    "weather",
    "description: Tells the weather.\nmetadata: {openclaw: {emoji: ☔, primaryEnv: SKY_KEY, homepage: 'https://sky.example', requires: {env: [SKY_KEY]}}}\n",
  );
  put(
    "video",
    "description: Cuts films.\nmetadata: {openclaw: {requires: {bins: [no-such-cutter]}, install: [{kind: node, package: '@film/cutter', label: With npm, bins: [no-such-cutter]}]}}\n",
  );
  put(
    "hostile",
    `description: "<img src=x onerror=alert(1)> \u202Egnirts ${"x".repeat(400)}"\nmetadata: {openclaw: {homepage: "javascript:alert(1)"}}\n`,
  );
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

const entries = () => JSON.parse(readFileSync(gateway.config, "utf8")).skills?.entries ?? {};

for (const look of [
  { name: "desk-light-en", width: 1280, theme: "light", language: "en" },
  { name: "desk-dark-zh", width: 1280, theme: "dark", language: "zh" },
  { name: "phone-light-zh", width: 390, theme: "light", language: "zh" },
  { name: "phone-dark-en", width: 390, theme: "dark", language: "en" },
]) {
  test(`skills are shown to everybody: ${look.name}`, async () => {
    const page = await openPage(chromium, { ...look, height: 844, bypassCSP: true });
    await enter(page, gateway, "skills");
    await page.locator(".skill", { hasText: "weather" }).waitFor();
    for (const it of await page.locator(".skill summary").all()) await it.click();
    assert.equal(await page.locator(".skill img, .skill a[href^=javascript]").count(), 0);
    const wide = await page.evaluate(() => {
      const main = document.querySelector("main");
      return main.scrollWidth - main.clientWidth;
    });
    assert.ok(wide <= 0, `${wide}px too wide`);
    await page.screenshot({ path: join(ARTIFACTS, `skills-${look.name}.png`), fullPage: true });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run());
    const grave = violations.filter((it) => ["serious", "critical"].includes(it.impact));
    assert.deepEqual(
      grave.map((it) => `${it.id}: ${it.nodes.map((node) => node.target)}`),
      [],
    );
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
  });
}

for (const { width, language, words } of [
  {
    width: 1280,
    language: "en",
    words: { key: "API key (SKY_KEY)", save: "Save", ready: "ready", off: "off", on: "Enabled" },
  },
  {
    width: 390,
    language: "zh",
    words: { key: "API 密钥（SKY_KEY）", save: "保存", ready: "可用", off: "已关闭", on: "启用" },
  },
]) {
  test(`a skill is mended, switched off and on: ${width}px, ${language}`, async () => {
    const page = await openPage(chromium, { width, language });
    await enter(page, gateway, "skills");
    const skill = (name) => page.locator(".skill", { hasText: name });
    const weather = skill("weather");
    const is = (it, word) => it.locator(".tag", { hasText: new RegExp(`^${word}$`) }).waitFor();

    await weather.getByLabel(words.key).fill(SECRET);
    await weather.getByRole("button", { name: words.save }).click();
    await is(weather, words.ready);
    assert.equal(entries().weather.apiKey, SECRET);
    await page.reload();
    await is(weather, words.ready);
    await weather.locator("summary").click();
    const values = await page.locator("input").evaluateAll((all) => all.map((it) => it.value));
    assert.ok(!(await page.content()).includes(SECRET) && !values.includes(SECRET));

    await skill("notes").getByRole("switch", { name: words.on }).click();
    await is(skill("notes"), words.off);
    assert.equal(entries().notes.enabled, false);
    await skill("notes").getByRole("switch", { name: words.on }).click();
    await is(skill("notes"), words.ready);

    await skill("video").getByRole("button", { name: "With npm" }).click();
    await skill("video").getByText("run: npm install -g @film/cutter").waitFor();

    await weather.locator(".secret .quiet").click();
    await until(async () => entries().weather.apiKey === undefined, "the key is forgotten");
    await weather.getByLabel(words.key).waitFor();
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
  });
}

test("what is typed after a slash is completed by skills", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "chat");
  await page.locator(".composer textarea").fill("/no");
  const offer = page.getByRole("option", { name: /\/notes/ });
  await offer.waitFor();

  await offer.click();
  await page.keyboard.press("Enter");

  await page.getByText('The person asks for the skill "notes".').first().waitFor();
  await page.context().close();
});
