// SPDX-License-Identifier: Apache-2.0
// The routes of the server, as its /openapi.json describes them.
import { useEffect, useState } from "preact/hooks";
import { apiBase, ask } from "./api.js";
import { PageHead } from "./page_head.jsx";
import { Fields, resolved } from "./schema_view.jsx";

/** One entry for the paths that do the same; those for the page itself are left out. */
function operationsOf(document) {
  const found = new Map();
  for (const [path, methods] of Object.entries(document.paths)) {
    if (/^\/(web|assets)\//.test(path) || path === "/") continue;
    for (const [method, operation] of Object.entries(methods)) {
      const body = operation.requestBody?.content["application/json"]?.schema;
      const key = `${method} ${operation.summary ?? path} ${body?.$ref ?? ""}`;
      const scopes = operation.security?.[0]?.bearer; // of a key, which need not have any
      if (!found.has(key))
        found.set(key, { method: method.toUpperCase(), paths: [], operation, body, scopes });
      found.get(key).paths.push(path);
    }
  }
  const list = [...found.values()];
  const order = (one, other) =>
    other.startsWith("/v1/") - one.startsWith("/v1/") || one.localeCompare(other);
  for (const one of list) one.paths.sort(order);
  return list.sort((one, other) => order(one.paths[0], other.paths[0]));
}

/** Something that the schema takes, for an example. */
function sample(schema, schemas, name) {
  const real = resolved(schema, schemas);
  if (name === "content") return "Hello";
  if (real.anyOf) return sample(real.anyOf[0], schemas, name);
  if (real.enum) return real.enum.includes("user") ? "user" : real.enum[0];
  const type = [real.type].flat()[0];
  if (type === "array") return [sample(real.items ?? {}, schemas, name)];
  if (type === "object" || real.properties) return sampleBody(real, schemas);
  if (type === "integer" || type === "number") return Math.max(real.minimum ?? 1, 1);
  if (type === "boolean") return true;
  return name === "model" ? "deepseek-chat" : "Hello";
}

function sampleBody(schema, schemas) {
  const wanted = new Set(schema.required ?? []);
  if (schema.properties?.role && schema.properties?.content) wanted.add("content");
  return Object.fromEntries(
    [...wanted].map((name) => [name, sample(schema.properties[name] ?? {}, schemas, name)]),
  );
}

function curlOf({ method, paths, body, scopes }, schemas) {
  const lines = [`curl ${apiBase.href.replace(/\/$/, "")}${paths[0]}`];
  if (method !== "GET" && !body) lines.push(`-X ${method}`);
  if (scopes) lines.push("-H 'Authorization: Bearer KEY'");
  if (body) {
    lines.push("-H 'Content-Type: application/json'");
    const text = JSON.stringify(sampleBody(resolved(body, schemas), schemas));
    lines.push(`-d '${text.replaceAll("'", "'\\''")}'`);
  }
  return lines.join(" \\\n  ");
}

function accessWords(scopes, words) {
  if (!scopes) return words.api_open;
  return scopes.length > 0 ? words.api_scope(scopes[0]) : words.api_any_key;
}

function Operation({ one, schemas, words }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="operation" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span class={`method ${one.method.toLowerCase()}`}>{one.method}</span>
        <code>{one.paths[0]}</code>
        <span class="quiet">{one.operation.summary}</span>
      </summary>
      {open && (
        <div class="operation-body">
          {one.paths.length > 1 && (
            <p>
              {words.api_also}{" "}
              {one.paths.slice(1).map((path, index) => (
                <>
                  {index > 0 && ", "}
                  <code>{path}</code>
                </>
              ))}
            </p>
          )}
          <p class="quiet">{accessWords(one.scopes, words)}</p>
          {one.body && (
            <>
              <h3>{words.api_body}</h3>
              <Fields schema={resolved(one.body, schemas)} schemas={schemas} words={words} />
            </>
          )}
          <h3>{words.api_example}</h3>
          <pre tabIndex={0}>
            <code>{curlOf(one, schemas)}</code>
          </pre>
        </div>
      )}
    </details>
  );
}

export function ApiPage({ words }) {
  const [document, setDocument] = useState(null);
  const [error, setError] = useState(null);
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    ask("openapi.json").then(setDocument, setError);
  }, []);
  const matches = (one) =>
    `${one.method} ${one.paths.join(" ")} ${one.operation.summary}`
      .toLowerCase()
      .includes(wanted.trim().toLowerCase());
  const shown = document ? operationsOf(document).filter(matches) : [];
  return (
    <main class="operator api" id="main" tabIndex={-1}>
      <PageHead title={words.api} error={error?.message} words={words} />
      {document && (
        <>
          <p class="quiet">
            {words.api_note} <a href={new URL("openapi.json", apiBase).href}>openapi.json</a>
          </p>
          <input
            class="api-filter"
            type="search"
            aria-label={words.api_filter}
            placeholder={words.api_filter}
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
          {shown.length === 0 && <p class="quiet">{words.no_hits}</p>}
          {shown.map((one) => (
            <Operation
              key={`${one.method}${one.paths[0]}`}
              one={one}
              schemas={document.components.schemas}
              words={words}
            />
          ))}
        </>
      )}
    </main>
  );
}
