// SPDX-License-Identifier: Apache-2.0
// A JSON schema as people read it.
import { useState } from "preact/hooks";

const nameOf = (reference) => reference.split("/").at(-1);

/** The schema itself where it is only referred to. */
export const resolved = (schema, schemas) =>
  schema.$ref ? (schemas[nameOf(schema.$ref)] ?? {}) : schema;

/** Objects whose fields are worth showing below this one, with what they are called. */
function innerObjects(schema, schemas) {
  if (schema.$ref) {
    const target = resolved(schema, schemas);
    return target.properties
      ? [{ name: nameOf(schema.$ref), schema: target }]
      : innerObjects(target, schemas);
  }
  if (schema.anyOf) return schema.anyOf.flatMap((one) => innerObjects(one, schemas));
  if (schema.items) return innerObjects(schema.items, schemas);
  return schema.properties ? [{ name: "", schema }] : [];
}

/** "integer 1…20", "string, or list of string", "low | high". That null may stand for a field that
 *  is left out goes without saying. */
export function typeText(schema, schemas, words) {
  if (schema.$ref) {
    const target = resolved(schema, schemas);
    return target.properties ? nameOf(schema.$ref) : typeText(target, schemas, words);
  }
  if (schema.anyOf)
    return [...new Set(schema.anyOf.map((one) => typeText(one, schemas, words)))]
      .filter((text) => text !== "null")
      .join(words.api_or);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const types = [schema.type ?? "any"].flat();
  return types
    .filter((type) => type !== "null" || types.length === 1)
    .map((type) => {
      if (type === "array")
        return words.api_list_of(schema.items ? typeText(schema.items, schemas, words) : "any");
      if (type !== "integer" && type !== "number") return type;
      const { minimum: from, maximum: to } = schema;
      if (from === undefined && to === undefined) return type;
      const shown = (value) => (Math.abs(value) > 1e15 ? "" : String(value ?? ""));
      return shown(from) || shown(to) ? `${type} ${shown(from)}…${shown(to)}` : type;
    })
    .join(words.api_or);
}

function Field({ name, schema, required, schemas, words }) {
  const [open, setOpen] = useState(false);
  const inner = innerObjects(schema, schemas);
  const head = (
    <>
      <code>{name}</code> <span class="quiet">{typeText(schema, schemas, words)}</span>
      {required && <span class="badge">{words.api_required}</span>}
    </>
  );
  if (inner.length === 0) return <li>{head}</li>;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{head}</summary>
        {open &&
          inner.map((one) => (
            <>
              {inner.length > 1 && one.name && <p class="quiet">{one.name}</p>}
              <Fields schema={one.schema} schemas={schemas} words={words} />
            </>
          ))}
      </details>
    </li>
  );
}

/** The fields of an object, those of inner objects folded. */
export function Fields({ schema, schemas, words }) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {});
  fields.sort(([one], [other]) => required.has(other) - required.has(one));
  return (
    <ul class="schema">
      {fields.map(([name, inner]) => (
        <Field
          name={name}
          schema={inner}
          required={required.has(name)}
          schemas={schemas}
          words={words}
        />
      ))}
    </ul>
  );
}
