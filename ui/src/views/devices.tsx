// Devices: who asks to come in, who may, and the nodes among them.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { identity } from "../gateway/identity";
import { t } from "../i18n";
import { ask } from "../kit/dialog";
import { ago } from "../kit/format";
import { Await, Page, useCall } from "../kit/load";
import { trying } from "../kit/toast";
import { showDirection } from "../markdown/blocks";
import { client, methods } from "../state/gateway";
import "../styles/page.css";

interface PendingDevice {
  requestId: string;
  deviceId: string;
  displayName?: string;
  platform?: string;
  clientId?: string;
  role?: string;
  scopes?: string[];
  remoteIp?: string;
  ts: number;
}

interface DeviceToken {
  role: string;
  scopes: string[];
  createdAtMs: number;
  lastUsedAtMs?: number;
  revokedAtMs?: number;
}

interface PairedDevice {
  deviceId: string;
  displayName?: string;
  label?: string;
  platform?: string;
  clientId?: string;
  role?: string;
  roles?: string[];
  remoteIp?: string;
  approvedAtMs?: number;
  tokens?: DeviceToken[];
}

interface Devices {
  pending: PendingDevice[];
  paired: PairedDevice[];
}

interface Node {
  nodeId: string;
  displayName?: string;
  platform?: string;
  version?: string;
  commands?: string[];
  connected: boolean;
}

/** The id of this browser, once it is known. */
const me = signal("");

export default function View() {
  const list = useCall<Devices>("device.pair.list", {}, 15_000);
  useEffect(() => {
    identity().then(
      (it) => (me.value = it?.deviceId ?? ""),
      () => {},
    );
  }, []);
  useEffect(() => {
    const again = () => void list.reload();
    const stops = [
      client.on("device.pair.requested", again),
      client.on("device.pair.resolved", again),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const act = async (method: string, params: object, question?: string) => {
    if (question && !(await ask(question, t("ui.yes")))) return;
    await trying(client.call(method, params));
    await list.reload();
  };
  return (
    <Page title={t("devices.title")}>
      <Await of={list}>
        {({ pending, paired }) => (
          <>
            <section class="section">
              <h2>{t("devices.pending")}</h2>
              {pending.length === 0 && <p class="muted">{t("devices.pending.none")}</p>}
              <ul class="list">
                {pending.map((it) => (
                  <li key={it.requestId}>
                    <span class="what">
                      <b>{named(it)}</b>
                      <small>
                        {[it.clientId, it.role, it.remoteIp, it.requestId]
                          .filter(Boolean)
                          .join(" · ")}
                      </small>
                    </span>
                    <span class="figures">{t("devices.asked", { when: ago(it.ts) })}</span>
                    <span class="buttons">
                      <button
                        type="button"
                        class="primary"
                        onClick={() => void act("device.pair.approve", { requestId: it.requestId })}
                      >
                        {t("devices.approve")}
                      </button>
                      <button
                        type="button"
                        class="danger"
                        onClick={() => void act("device.pair.reject", { requestId: it.requestId })}
                      >
                        {t("devices.reject")}
                      </button>
                    </span>
                  </li>
                ))}
              </ul>
            </section>
            <section class="section">
              <h2>{t("devices.paired")}</h2>
              {paired.length === 0 && <p class="muted">{t("devices.paired.none")}</p>}
              <ul class="list">
                {[...paired].sort(newestFirst).map((it) => (
                  <Paired key={it.deviceId} device={it} act={act} />
                ))}
              </ul>
            </section>
          </>
        )}
      </Await>
      {methods.value.has("node.pair.list") && <PendingNodes act={act} />}
      {methods.value.has("node.list") && <Nodes act={act} />}
    </Page>
  );
}

function named(it: { displayName?: string; platform?: string; deviceId: string }): string {
  return showDirection(it.displayName ?? it.platform ?? it.deviceId.slice(0, 12));
}

/** This browser first, then by when they were let in. */
function newestFirst(a: PairedDevice, b: PairedDevice): number {
  const rank = (it: PairedDevice) => (it.deviceId === me.value ? 1 : 0);
  return rank(b) - rank(a) || (b.approvedAtMs ?? 0) - (a.approvedAtMs ?? 0);
}

type Act = (method: string, params: object, question?: string) => Promise<void>;

function Paired({ device, act }: { device: PairedDevice; act: Act }) {
  const { deviceId } = device;
  const tokens = device.tokens ?? [];
  const used = Math.max(0, ...tokens.map((it) => it.lastUsedAtMs ?? 0));
  return (
    <li>
      <span class="what">
        <b>{device.label ?? named(device)}</b>
        <small title={deviceId}>
          {[
            device.clientId,
            device.remoteIp,
            used > 0 && t("devices.used", { when: ago(used) }),
            `${deviceId.slice(0, 8)}…`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </small>
      </span>
      {deviceId === me.value && <span class="tag good">{t("devices.this")}</span>}
      {tokens.map((token) => (
        <span
          key={token.role}
          class={token.revokedAtMs ? "tag bad" : "tag"}
          title={token.scopes.join(", ")}
        >
          {token.role}
          {token.revokedAtMs ? ` · ${t("devices.revoked")}` : ""}
        </span>
      ))}
      <span class="buttons tight">
        {tokens.map((token) => (
          <TokenActs key={token.role} deviceId={deviceId} token={token} act={act} />
        ))}
        {methods.value.has("device.pair.remove") && (
          <button
            type="button"
            class="quiet danger"
            onClick={() => void act("device.pair.remove", { deviceId }, t("devices.remove.ask"))}
          >
            {t("devices.remove")}
          </button>
        )}
      </span>
    </li>
  );
}

function TokenActs({ deviceId, token, act }: { deviceId: string; token: DeviceToken; act: Act }) {
  const params = { deviceId, role: token.role };
  return (
    <>
      <button
        type="button"
        class="quiet"
        onClick={() => void act("device.token.rotate", params, t("devices.rotate.ask"))}
      >
        {t("devices.rotate")}
      </button>
      {!token.revokedAtMs && (
        <button
          type="button"
          class="quiet danger"
          onClick={() => void act("device.token.revoke", params, t("devices.revoke.ask"))}
        >
          {t("devices.revoke")}
        </button>
      )}
    </>
  );
}

interface NodePairing {
  pending: {
    requestId: string;
    nodeId: string;
    displayName?: string;
    platform?: string;
    ts?: number;
  }[];
}

function PendingNodes({ act }: { act: Act }) {
  const list = useCall<NodePairing>("node.pair.list", {}, 15_000);
  useEffect(() => {
    const again = () => void list.reload();
    const stops = [client.on("node.pair.requested", again), client.on("node.pair.resolved", again)];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const pending = list.value?.pending ?? [];
  if (pending.length === 0) return null;
  const answer = async (method: string, requestId: string) => {
    await act(method, { requestId });
    await list.reload();
  };
  return (
    <section class="section">
      <h2>{t("devices.nodes.pending")}</h2>
      <ul class="list">
        {pending.map((it) => (
          <li key={it.requestId}>
            <span class="what">
              <b>{showDirection(it.displayName ?? it.nodeId.slice(0, 12))}</b>
              <small>{[it.platform, it.requestId].filter(Boolean).join(" · ")}</small>
            </span>
            <span class="buttons">
              <button
                type="button"
                class="primary"
                onClick={() => void answer("node.pair.approve", it.requestId)}
              >
                {t("devices.approve")}
              </button>
              <button
                type="button"
                class="danger"
                onClick={() => void answer("node.pair.reject", it.requestId)}
              >
                {t("devices.reject")}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Nodes({ act }: { act: Act }) {
  const list = useCall<{ nodes: Node[] }>("node.list", {}, 15_000);
  return (
    <section class="section">
      <h2>{t("devices.nodes")}</h2>
      <Await of={list}>
        {({ nodes }) =>
          nodes.length === 0 ? (
            <p class="muted">{t("devices.nodes.none")}</p>
          ) : (
            <ul class="list">
              {nodes.map((it) => (
                <li key={it.nodeId}>
                  <span class="what">
                    <b>{showDirection(it.displayName ?? it.nodeId.slice(0, 12))}</b>
                    <small>
                      {[it.platform, it.version, ...(it.commands ?? [])]
                        .filter(Boolean)
                        .join(" · ")}
                    </small>
                  </span>
                  <span class={it.connected ? "tag good" : "tag"}>
                    {it.connected ? t("devices.connected") : t("devices.offline")}
                  </span>
                  {methods.value.has("node.pair.remove") && (
                    <button
                      type="button"
                      class="quiet danger"
                      onClick={async () => {
                        const params = { nodeId: it.nodeId };
                        await act("node.pair.remove", params, t("devices.remove.ask"));
                        await list.reload();
                      }}
                    >
                      {t("devices.remove")}
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Await>
    </section>
  );
}
