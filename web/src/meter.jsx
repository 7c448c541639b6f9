// SPDX-License-Identifier: Apache-2.0
import { shownModel } from "./app_state.js";
import { pathOf } from "./chat_tree.js";
import { useSeconds } from "./markdown_view.jsx";

const million = 1_000_000;

/** Micro-units of a usage at a price, rounded up once as the server does. */
export function costMicro(usage, price) {
  const hit = usage.prompt_cache_hit_tokens ?? 0;
  const sum =
    hit * price.hit_micro +
    (usage.prompt_tokens - hit) * price.miss_micro +
    usage.completion_tokens * price.output_micro;
  return Math.ceil(sum / million);
}

export function moneyText(micro, currency, language) {
  const amount = micro / million;
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    maximumFractionDigits: amount !== 0 && Math.abs(amount) < 1 ? 6 : 2,
  }).format(amount);
}

function Speed({ live, words }) {
  const seconds = useSeconds(live?.firstTokenAt ?? null);
  const tokens = live ? live.tokens - (live.firstTokens ?? 0) : 0;
  if (seconds <= 0 || tokens <= 0 || live.resumed) return null;
  return (
    <span>
      {(tokens / seconds).toFixed(1)} {words.speed}
    </span>
  );
}

/** Speed, context, cost and balance, as the answer grows. */
export function Meter({ state, words }) {
  const { chat, live, language } = state;
  const model = shownModel(state);
  const shown = pathOf(chat.messages, chat.choices);
  const usage = shown.findLast(({ message }) => message.details.usage)?.message.details.usage;
  const total = model?.context_length ?? 0;
  const used = live?.total ? live.total + live.tokens : (usage?.total_tokens ?? 0);
  const spent = model?.price
    ? chat.messages.reduce(
        (sum, { details }) => sum + (details.usage ? costMicro(details.usage, model.price) : 0),
        0,
      )
    : 0;
  const percent = total ? Math.min(100, (100 * used) / total) : 0;
  return (
    <div class="meter">
      {live && <Speed live={live} words={words} />}
      {used > 0 && total > 0 && (
        <span class="context" title={words.context_of(used, total)}>
          <meter
            min="0"
            max={total}
            value={used}
            high={total * 0.8}
            optimum="0"
            aria-label={words.context}
          />
          <span>
            <span class="visually-hidden">{words.context}: </span>
            {percent < 10 ? percent.toFixed(1) : percent.toFixed(0)}%
          </span>
        </span>
      )}
      {model?.price && spent > 0 && (
        <span title={words.cost_note}>
          <span class="visually-hidden">{words.cost}: </span>
          {moneyText(spent, model.price.currency, language)}
        </span>
      )}
      {state.balance && (
        <span class="balance" title={words.balance}>
          <span class="visually-hidden">{words.balance}: </span>
          {words.balance}{" "}
          {moneyText(
            Math.round(state.balance.total_balance * million),
            state.balance.currency,
            language,
          )}
        </span>
      )}
    </div>
  );
}
