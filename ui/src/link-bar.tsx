// Says when the line to the gateway is down, and when it is tried again.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "./i18n";
import { Icon } from "./kit/icons";
import { client, link } from "./state/gateway";

/** A line that comes back at once is not worth a word. */
const QUIET_MS = 700;

export function LinkBar() {
  const isLate = useSignal(false);
  const now = useSignal(Date.now());
  const phase = link.value.phase;
  const isDown = phase === "waiting" || phase === "connecting";
  useEffect(() => {
    if (!isDown) {
      isLate.value = false;
      return;
    }
    const late = setTimeout(() => (isLate.value = true), QUIET_MS);
    const clock = setInterval(() => (now.value = Date.now()), 500);
    return () => {
      clearTimeout(late);
      clearInterval(clock);
    };
  }, [isDown]);
  if (!isDown || !isLate.value) return null;
  const seconds =
    link.value.phase === "waiting" ? Math.ceil((link.value.untilMs - now.value) / 1000) : 0;
  const when = seconds > 0 ? t("link.in", { n: seconds }) : t("link.now");
  return (
    <div class="link-bar" role="alert">
      <Icon name="warn" />
      <span>
        <b>{t("link.lost")}.</b> {t("link.lost.text", { when })}
      </span>
      <button type="button" onClick={() => client.start()}>
        {t("link.retry")}
      </button>
    </div>
  );
}
