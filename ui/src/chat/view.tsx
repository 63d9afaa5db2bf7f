// The chat: head, messages, composer.

import { useComputed, useSignal } from "@preact/signals";
import { useCallback } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "../kit/icons";
import { Empty, Skeleton } from "../kit/load";
import { VirtualList } from "../kit/virtual";
import { methods } from "../state/gateway";
import { href } from "../state/route";
import { lacksModel } from "../state/sessions";
import { Composer } from "./composer";
import { ChatHead } from "./head";
import { RowView } from "./message";
import type { Row } from "./rows";
import {
  hasMore,
  isLoading,
  isLoadingMore,
  load,
  loadError,
  loadMore,
  rows,
  send,
  sessionKey,
  turns,
} from "./store";

export function Chat({ openMenu }: { openMenu(): void }) {
  return (
    <div class="chat">
      <ChatHead openMenu={openMenu} />
      <Conversation />
      <Composer key={sessionKey.value} sessionKey={sessionKey.value} />
    </div>
  );
}

/** What a turn shows before it has said anything. */
type Shown = Row | { kind: "phase"; key: string; phase: string };

function Conversation() {
  const isAtEnd = useSignal(true);
  const shown = useComputed<Shown[]>(() => {
    const running = turns.value;
    if (running.length === 0) return rows.value;
    const live: Shown[] = running.flatMap((turn) => turn.rows);
    const last = running.at(-1);
    const waiting = rows.value.filter(
      (row) => row.kind === "user" && (row.state === "queued" || row.state === "steering"),
    );
    const said = rows.value.filter((row) => !waiting.includes(row));
    if (last && last.rows.at(-1)?.kind !== "text") {
      live.push({ kind: "phase", key: `${last.runId}/phase`, phase: last.phase });
    }
    return [...said, ...live, ...waiting];
  });
  const render = useCallback((row: Shown) => {
    if (row.kind === "phase") return <Phase phase={row.phase} />;
    return <RowView row={row} isLive={isLive(row)} />;
  }, []);

  if (loadError.value) {
    return (
      <div class="messages">
        <Empty icon="warn" title={t("chat.loadFailed")} text={loadError.value}>
          <button type="button" onClick={() => void load()}>
            {t("ui.retry")}
          </button>
        </Empty>
      </div>
    );
  }
  if (isLoading.value) {
    return (
      <div class="messages">
        <div class="column">
          <Skeleton />
        </div>
      </div>
    );
  }
  if (shown.value.length === 0) return <Welcome />;
  return (
    <div class="messages">
      <VirtualList
        rows={shown.value}
        render={render}
        id={sessionKey.value}
        label={t("chat.log")}
        onTop={() => void loadMore()}
        onEnd={(now) => (isAtEnd.value = now)}
        head={
          hasMore.value ? (
            <p class="more" role="status">
              {isLoadingMore.value ? t("chat.more") : "\u00a0"}
            </p>
          ) : null
        }
      />
      {!isAtEnd.value && (
        <button
          type="button"
          class="latest"
          aria-label={t("chat.latest")}
          title={t("chat.latest")}
          onClick={() => {
            const list = document.querySelector(".virtual");
            list?.scrollTo({ top: list.scrollHeight });
          }}
        >
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/** The row that text is being written into is drawn again with each change of it. */
function isLive(row: Row): boolean {
  if (row.kind !== "text" && row.kind !== "thinking") return false;
  return turns.peek().some((turn) => turn.rows.at(-1) === row);
}

function Phase({ phase }: { phase: string }) {
  const text =
    phase === "thinking"
      ? t("chat.thinking")
      : phase === "compacting"
        ? t("chat.compacting")
        : phase === "waiting"
          ? t("chat.waiting")
          : phase === "starting_model"
            ? t("chat.starting")
            : t("chat.working");
  return (
    <p class="phase" role="status">
      <i class="dots" aria-hidden="true">
        <b />
        <b />
        <b />
      </i>
      {text}
    </p>
  );
}

/** Without a model there is nobody to talk to: the way to one comes first. */
function NoModel() {
  const canAsk = methods.value.has("wizard.start");
  return (
    <div class="messages">
      <Empty icon="models" title={t("overview.noModel")} text={t("overview.noModel.text")}>
        <a
          class="button primary"
          href={canAsk ? href("wizard") : href("config", { section: "models" })}
        >
          {t("overview.setModel")}
        </a>
      </Empty>
    </div>
  );
}

function Welcome() {
  if (lacksModel.value) return <NoModel />;
  const tries = [t("chat.try1"), t("chat.try2"), t("chat.try3")];
  return (
    <div class="messages">
      <div class="welcome">
        <img src="favicon.svg" alt="" width="44" height="44" />
        <h1>{t("chat.empty")}</h1>
        <p>{t("chat.empty.text")}</p>
        <div class="tries">
          {tries.map((text) => (
            <button key={text} type="button" onClick={() => void send({ text, attachments: [] })}>
              {text}
            </button>
          ))}
        </div>
      </div>
    </div>
  );
}
