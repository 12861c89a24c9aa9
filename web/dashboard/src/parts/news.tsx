// A surge that was found just now, until somebody says that it was seen.

import { format, labelText, messages } from "../i18n/index.js";
import { news } from "../state/live.js";
import { EVENTS } from "../state/measures.js";
import { campaign } from "../state/session.js";
import { show } from "../state/view.js";
import { Icon } from "./icon.js";

export function News() {
  const [m, f] = [messages.value, format.value];
  const alert = news.value;
  const measure = campaign.value?.measures.find(({ name }) => name === alert?.measure);
  const what = measure?.event === EVENTS.arrival ? m.subject.arrival : m.subject.share;
  return (
    <div class="news-room" role="status">
      {alert && (
        <p class="news" data-news={alert.label}>
          <Icon name="up" />
          <span>
            {m.surges.news(
              labelText(alert.dimension, alert.label),
              f.count(alert.observed?.value ?? 0),
              what,
              f.count(alert.expected),
              f.ratio(alert.score),
            )}
          </span>
          <button type="button" class="plain" onClick={() => seen({ page: "overview" })}>
            {m.surges.look}
          </button>
          <button type="button" class="plain" aria-label={m.close} onClick={() => seen()}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}

function seen(change?: { page: "overview" }) {
  news.value = undefined;
  if (change) show(change);
}
