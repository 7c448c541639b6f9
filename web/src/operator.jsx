// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, askText } from "./api.js";
import { parseMetrics, quantile, sumOf } from "./metrics_text.js";
import { PageHead } from "./page_head.jsx";

const everyMs = 3000;
const periods = [1, 7, 30, 365];

function useOverview(days) {
  const [page, setPage] = useState(null);
  const [error, setError] = useState(null);
  const former = useRef(null);
  useEffect(() => {
    let left = false;
    let timer;
    const refresh = async () => {
      try {
        const [overview, text] = await Promise.all([
          ask(`web/operator?days=${days}`),
          askText("metrics"),
        ]);
        const tokens = overview.load.reduce((sum, load) => sum + load.generation_tokens, 0);
        const at = performance.now();
        const before = former.current;
        const speed = before ? ((tokens - before.tokens) * 1000) / (at - before.at) : 0;
        former.current = { tokens, at };
        if (left) return;
        setPage({ ...overview, metrics: parseMetrics(text), speed });
        setError(null);
      } catch (failure) {
        if (!left) setError(failure);
      }
      if (!left) timer = setTimeout(refresh, everyMs);
    };
    refresh();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [days]);
  return { page, error };
}

function Tiles({ title, tiles }) {
  return (
    <section>
      <h2>{title}</h2>
      <dl class="tiles">
        {tiles.map(([name, value]) => (
          <div class="tile">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Table({ heads, rows }) {
  return (
    <div class="table-frame" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col">{head}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((cell) => (
                <td>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function seconds(value) {
  if (value === null) return "–";
  if (value === Infinity) return "∞";
  return value < 1 ? `≤ ${Math.round(value * 1000)} ms` : `≤ ${value} s`;
}

function Load({ load, page, words, number }) {
  const { cache } = load;
  const { metrics } = page;
  const hits = cache.memory_hit_tokens + cache.disk_hit_tokens;
  const share = (part, all) => (all ? `${Math.round((100 * part) / all)}%` : "–");
  const latency = [
    [words.first_token, "deepseek:time_to_first_token_seconds"],
    [words.between_tokens, "deepseek:inter_token_latency_seconds"],
    [words.whole_request, "deepseek:e2e_request_latency_seconds"],
  ];
  return (
    <>
      <Tiles
        title={`${words.load} · ${load.model}`}
        tiles={[
          [words.running, number(load.running_requests)],
          [words.queue, number(load.waiting_requests)],
          [words.waiting_tokens, number(load.waiting_tokens)],
          [words.tokens_now, number(Math.round(page.speed))],
          [words.answered, number(load.submitted)],
          [words.refused, number(load.refused)],
          [words.prompt_tokens, number(load.prompt_tokens)],
          [words.output_tokens, number(load.generation_tokens)],
          [words.connections, number(sumOf(metrics, "deepseek:http_connections"))],
          [words.streams, number(sumOf(metrics, "deepseek:http_streams"))],
        ]}
      />
      <Tiles
        title={words.cache}
        tiles={[
          [words.cache_used, share(cache.used_pages, cache.total_pages)],
          [words.cache_kept, share(cache.cached_pages, cache.total_pages)],
          [words.cache_hits, share(hits, cache.query_tokens)],
          ...(cache.disk_bytes === null
            ? []
            : [[words.cache_disk, `${number(Math.round(cache.disk_bytes / (1 << 20)))} MiB`]]),
        ]}
      />
      <section>
        <h2>{words.latency}</h2>
        <Table
          heads={["", words.p50, words.p95]}
          rows={latency.map(([name, metric]) => [
            name,
            seconds(quantile(metrics, metric, 0.5)),
            seconds(quantile(metrics, metric, 0.95)),
          ])}
        />
      </section>
    </>
  );
}

function Keys({ keys, words }) {
  return (
    <section>
      <h2>{words.keys}</h2>
      {keys.length === 0 ? (
        <p class="quiet">{words.no_keys}</p>
      ) : (
        <Table
          heads={[
            words.key_name,
            words.key,
            words.key_state,
            words.key_scopes,
            words.key_limits,
            words.key_balance,
          ]}
          rows={keys.map((key) => [
            key.name || "–",
            <code>{key.shown}</code>,
            words[`state_${key.state}`],
            key.scopes.join(", "),
            words.per_minute(key.requests_per_minute, key.tokens_per_minute, key.concurrency),
            key.balance ? `${key.balance.total} ${key.balance.currency}` : "–",
          ])}
        />
      )}
    </section>
  );
}

function Spending({ page, days, setDays, words, number }) {
  const names = new Map(page.keys.map(({ id, name, shown }) => [id, name || shown]));
  return (
    <section>
      <div class="section-head">
        <h2>{words.spending}</h2>
        <select
          aria-label={words.period}
          value={days}
          onChange={(event) => setDays(Number(event.currentTarget.value))}
        >
          {periods.map((period) => (
            <option value={period}>{words.days(period)}</option>
          ))}
        </select>
      </div>
      {page.spending.length === 0 ? (
        <p class="quiet">{words.no_spending}</p>
      ) : (
        <Table
          heads={[
            words.key_name,
            words.model,
            words.requests,
            words.hit_tokens,
            words.miss_tokens,
            words.output_tokens,
            words.cost,
          ]}
          rows={page.spending.map((row) => [
            names.get(row.key_id) ?? row.key_id,
            row.model,
            number(row.requests),
            number(row.hit_tokens),
            number(row.miss_tokens),
            number(row.output_tokens),
            `${row.cost} ${row.currency}`,
          ])}
        />
      )}
    </section>
  );
}

export function Operator({ words, language }) {
  const [days, setDays] = useState(30);
  const { page, error } = useOverview(days);
  const number = (value) => new Intl.NumberFormat(language).format(value);
  const denied = error?.status === 401 || error?.status === 403;
  return (
    <main class="operator" id="main" tabIndex={-1}>
      <PageHead
        title={words.operator}
        error={denied ? words.operator_denied : error?.message}
        words={words}
      />
      {page && !denied && (
        <>
          {page.load.map((load) => (
            <Load key={load.model} load={load} page={page} words={words} number={number} />
          ))}
          {page.keys ? (
            <>
              <Keys keys={page.keys} words={words} />
              <Spending page={page} days={days} setDays={setDays} words={words} number={number} />
            </>
          ) : (
            <p class="quiet">{words.no_store}</p>
          )}
        </>
      )}
    </main>
  );
}
