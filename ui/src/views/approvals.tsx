// All open questions.

import { ApprovalCard, pendingApprovals } from "../approvals";
import { t } from "../i18n";
import { Empty, Page } from "../kit/load";
import "../styles/page.css";

export default function Approvals() {
  const open = pendingApprovals.value;
  return (
    <Page title={t("approvals.title")} lead={open.length > 0 ? t("approvals.keys") : undefined}>
      {open.length === 0 ? (
        <Empty icon="approvals" title={t("approvals.none")} text={t("approvals.none.text")} />
      ) : (
        open.map((it, n) => <ApprovalCard key={it.id} approval={it} takesKeys={n === 0} />)
      )}
    </Page>
  );
}
