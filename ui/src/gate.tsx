// What is shown to those who are not in yet: how to get in, and why it did not work.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { isPairing } from "./gateway/client";
import type { WireError } from "./gateway/frames";
import { t } from "./i18n";
import { CopyButton } from "./kit/copy";
import { client, link } from "./state/gateway";
import { language, password, token } from "./state/settings";

/** A gateway on this machine answers sooner than this; then nothing flashes up. */
const QUIET_MS = 250;

export function Gate() {
  const isLate = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (isLate.value = true), QUIET_MS);
    return () => clearTimeout(timer);
  }, []);
  const now = link.value;
  if (now.phase === "refused") return <Frame>{because(now.error)}</Frame>;
  if (!isLate.value) return <div class="gate" />;
  return (
    <Frame>
      <h1>{now.phase === "waiting" ? t("link.lost") : t("link.connecting")}</h1>
      {now.phase === "waiting" && (
        <>
          <p>{now.reason}</p>
          <button type="button" class="primary" onClick={() => client.start()}>
            {t("link.retry")}
          </button>
        </>
      )}
    </Frame>
  );
}

function Frame({ children }: { children: ComponentChildren }) {
  return (
    <div class="gate">
      <main class="gate-card">
        <div class="brand">
          <img src="favicon.svg" alt="" width="32" height="32" />
          <b>OpenClaw</b>
          <button
            type="button"
            class="quiet"
            lang={language.value === "zh" ? "en" : "zh-CN"}
            onClick={() => (language.value = language.value === "zh" ? "en" : "zh")}
          >
            {t("nav.language")}
          </button>
        </div>
        {children}
      </main>
    </div>
  );
}

function because(error: WireError) {
  const code = String(error.details?.code ?? error.code);
  if (isPairing(error)) return <Pairing requestId={String(error.details?.requestId ?? "")} />;
  if (code.endsWith("DEVICE_IDENTITY_REQUIRED")) return <Insecure />;
  if (code === "CONTROL_UI_ORIGIN_NOT_ALLOWED") {
    const command = `openclaw config set gateway.controlUi.allowedOrigins '["${location.origin}"]'`;
    return (
      <>
        <h1>{t("gate.origin")}</h1>
        <p>{t("gate.origin.lead")}</p>
        <Command text={command} />
        <Again />
      </>
    );
  }
  if (code === "PROTOCOL_MISMATCH") {
    return (
      <>
        <h1>{t("gate.protocol")}</h1>
        <p>{t("gate.protocol.lead")}</p>
        <button type="button" class="primary" onClick={() => location.reload()}>
          {t("gate.reload")}
        </button>
      </>
    );
  }
  if (code.endsWith("_NOT_CONFIGURED")) {
    return (
      <>
        <h1>{t("gate.title")}</h1>
        <p>{t("gate.none")}</p>
        <Command text="openclaw config set gateway.auth.token …" />
        <Again />
      </>
    );
  }
  if (code.startsWith("AUTH_")) return <Secret code={code} />;
  return (
    <>
      <h1>{t("gate.other")}</h1>
      <p class="error-text">{error.message}</p>
      <Again />
    </>
  );
}

function Again() {
  return (
    <button type="button" class="primary" onClick={() => client.restart()}>
      {t("gate.again")}
    </button>
  );
}

function Secret({ code }: { code: string }) {
  const isPassword = code.includes("PASSWORD");
  const typed = useSignal("");
  const wrong =
    code === "AUTH_RATE_LIMITED"
      ? t("gate.limited")
      : code.endsWith("_MISMATCH")
        ? t(isPassword ? "gate.wrongPassword" : "gate.wrong")
        : "";
  const submit = (event: Event) => {
    event.preventDefault();
    const secret = typed.value.trim();
    if (!secret) return;
    if (isPassword) password.value = secret;
    else token.value = tokenIn(secret);
    client.restart();
  };
  return (
    <>
      <h1>{t("gate.title")}</h1>
      <p>{t("gate.lead")}</p>
      <form onSubmit={submit}>
        <label>
          <span>{t(isPassword ? "gate.password" : "gate.token")}</span>
          <input
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
            aria-invalid={wrong !== ""}
            aria-describedby={wrong ? "gate-wrong" : undefined}
            autofocus
          />
        </label>
        {wrong && (
          <p class="error-text" id="gate-wrong" role="alert">
            {wrong}
          </p>
        )}
        <button type="submit" class="primary">
          {t("gate.connect")}
        </button>
      </form>
      <hr />
      <p class="muted">{t("gate.easier")}</p>
      <Command text="openclaw dashboard" />
      {!isPassword && (
        <>
          <p class="muted">{t("gate.where")}</p>
          <Command text="openclaw config get gateway.auth.token" />
        </>
      )}
    </>
  );
}

/** People paste the whole address of `openclaw dashboard` as well. */
function tokenIn(text: string): string {
  const found = /[#?&]token=([^&\s]+)/.exec(text)?.[1];
  return found ? decodeURIComponent(found) : text;
}

function Pairing({ requestId }: { requestId: string }) {
  return (
    <>
      <h1>{t("gate.pairing")}</h1>
      <p>{t("gate.pairing.lead")}</p>
      <Command text={`openclaw devices approve${requestId ? ` ${requestId}` : ""}`} />
      {requestId && (
        <p class="muted">
          {t("gate.pairing.id")} <code>{requestId}</code>
        </p>
      )}
      <p class="waiting" role="status">
        <i class="pulse" /> {t("gate.pairing.wait")}
      </p>
    </>
  );
}

function Insecure() {
  const port = location.port || (location.protocol === "https:" ? "443" : "80");
  return (
    <>
      <h1>{t("gate.insecure")}</h1>
      <p>{t("gate.insecure.lead")}</p>
      <p class="muted">{t("gate.insecure.ssh", { port })}</p>
      <Command text={`ssh -N -L ${port}:127.0.0.1:${port} ${location.hostname}`} />
      <p class="muted">{t("gate.insecure.https")}</p>
      <Again />
    </>
  );
}

function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} />
    </div>
  );
}
