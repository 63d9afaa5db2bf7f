// What a model says is text, whatever it looks like.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browser, enter, Gateway, openPage, say } from "./harness.mjs";

let gateway;
let chromium;
let page;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  page = await openPage(chromium);
  await page.addInitScript(() => {
    window.harmed = [];
    window.alert = (text) => window.harmed.push(text);
  });
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

let count = 0;
async function told(step) {
  page.wrongs.length = 0;
  page.requested.length = 0;
  await enter(page, gateway, `chat?session=agent:main:hostile-${count++}`);
  await say(page, `SAY ${JSON.stringify(step)}`);
  await page.locator(".end").waitFor();
}

async function assertHarmless() {
  assert.deepEqual(await page.evaluate(() => window.harmed), []);
  // The browser tells what its policy stopped while the text was cleaned in a page of no effect.
  assert.deepEqual(
    page.wrongs.filter((it) => !it.includes("Content Security Policy")),
    [],
  );
  const elsewhere = page.requested.filter(
    (url) => !/^(http:\/\/127\.0\.0\.1|ws:|data:|blob:)/.test(url),
  );
  assert.deepEqual(elsewhere, []);
  const bad = await page
    .locator(".text")
    .evaluate((node) =>
      [...node.querySelectorAll("*")]
        .filter(
          (it) =>
            (/^(SCRIPT|IFRAME|OBJECT|EMBED|FORM|STYLE|LINK|META|SVG|MATH|INPUT|BASE|VIDEO|AUDIO)$/i.test(
              it.tagName,
            ) &&
              !it.classList.contains("icon")) ||
            [...it.attributes].some(
              (a) => /^on/i.test(a.name) || a.name === "style" || /javascript:/i.test(a.value),
            ),
        )
        .map((it) => it.outerHTML.slice(0, 100)),
    );
  assert.deepEqual(bad, []);
}

test("markup that would run does not", async () => {
  await told({
    text: [
      "Hi <script>alert(1)</script><img src=x onerror=alert(2)>",
      '<a href="javascript:alert(3)">a</a> [b](javascript:alert(4)) [c](data:text/html,<script>alert(5)</script>)',
      "<svg onload=alert(6)><math><mtext></table><img src=x onerror=alert(7)>",
      '<iframe srcdoc="<script>alert(8)</script>"></iframe><form action=/x><input autofocus onfocus=alert(9)></form>',
      '<style>*{display:none}</style><div style="position:fixed;inset:0">cover</div><base href="https://evil.example/">',
      "![far](https://evil.example/pixel.png) <img src=https://evil.example/2.png>",
      "```html\n<script>alert(10)</script>\n```",
      "`<b onclick=alert(11)>`",
    ].join("\n\n"),
  });

  await page.locator(".text pre", { hasText: "<script>alert(10)</script>" }).waitFor();
  for (const link of await page.locator(".text a").all()) await link.hover();
  await assertHarmless();
  const far = page.locator(".text a", { hasText: "far" });
  assert.equal(await far.getAttribute("rel"), "noopener noreferrer");
  assert.equal(await far.getAttribute("target"), "_blank");
});

test("text that turns around is shown as what it is", async () => {
  await told({ run: "echo safe \u202egpj.exe", text: "Open \u202etxt.exe please" });

  await page.locator(".tool-head code", { hasText: "\u27e8U+202E\u27e9" }).waitFor();
  assert.doesNotMatch(await page.locator(".text").innerText(), /\u202e/);
  await assertHarmless();
});

test("a line of a megabyte neither hangs the page nor fills it", async () => {
  await told({ big: { text: "<b>x</b>*_`[", times: 90_000 } });

  const shown = await page.locator(".text pre").innerText();
  assert.ok(shown.length <= 20_001, `${shown.length}`);
  await page.getByRole("button", { name: /Show all 10\d\d KB/ }).waitFor();
  await assertHarmless();
});

test("a huge table is cut, and comes whole when asked for", async () => {
  const rows = Array.from({ length: 3000 }, (_, n) => `| ${n} | **b** |`).join("\n");
  await told({ text: `| a | b |\n|---|---|\n${rows}` });

  assert.equal(await page.locator(".text tbody tr").count(), 100);
  await page.getByRole("button", { name: "Show 2900 more rows" }).click();
  assert.equal(await page.locator(".text tbody tr").count(), 3000);
  await assertHarmless();
});

test("deep nesting and unclosed things end", async () => {
  await told({ text: `${">".repeat(400)} deep\n\n${"- ".repeat(200)}x\n\n**${"[".repeat(3000)}` });

  await assertHarmless();
});
