// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { app, notice, shownModel } from "./app_state.js";
import { changeSettings } from "./chats.js";
import { Dialog } from "./dialog.jsx";
import { remember } from "./memory.js";

function NumberField({ name, label, hint, words, settings, set, ...limits }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        name={name}
        value={settings[name] ?? ""}
        placeholder={hint ?? words.model_default}
        onInput={(event) =>
          set(
            name,
            event.currentTarget.value === "" ? undefined : event.currentTarget.valueAsNumber,
          )
        }
        {...limits}
      />
    </label>
  );
}

function Thinking({ settings, set, words }) {
  const model = shownModel(app.state);
  if (!model?.thinks) return <p class="quiet">{words.thinking_none}</p>;
  return (
    <>
      {model.thinking_can_be_set && (
        <label class="field">
          <span>{words.thinking}</span>
          <select
            name="thinking"
            value={settings.thinking ?? ""}
            onChange={(event) => set("thinking", event.currentTarget.value || undefined)}
          >
            <option value="">{words.thinking_auto}</option>
            <option value="on">{words.thinking_on}</option>
            <option value="off">{words.thinking_off}</option>
          </select>
        </label>
      )}
      {settings.thinking !== "off" && (
        <NumberField
          name="budget"
          label={words.budget}
          words={words}
          settings={settings}
          set={set}
          min="0"
          step="1"
        />
      )}
    </>
  );
}

export function Settings({ words, onClose }) {
  const [settings, setSettings] = useState(app.state.chat.settings);
  const [usual, setUsual] = useState(false);
  const set = (name, value) => {
    const { [name]: _, ...rest } = settings;
    setSettings(
      value === undefined || value === "" || value === false ? rest : { ...rest, [name]: value },
    );
  };
  const shared = { words, settings, set };
  return (
    <Dialog title={words.chat_settings} words={words} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (usual) remember("settings", JSON.stringify(settings));
          changeSettings(settings).catch(notice);
          onClose();
        }}
      >
        <label class="field tall">
          <span>{words.system_prompt}</span>
          <textarea
            name="system"
            rows={4}
            maxLength={100_000}
            value={settings.system ?? ""}
            placeholder={words.system_prompt_hint}
            onInput={(event) => set("system", event.currentTarget.value)}
          />
        </label>
        <div class="fields">
          <NumberField
            name="temperature"
            label={words.temperature}
            min="0"
            max="2"
            step="any"
            {...shared}
          />
          <NumberField name="top_p" label={words.top_p} min="0" max="1" step="any" {...shared} />
          <NumberField
            name="max_tokens"
            label={words.max_tokens}
            min="1"
            max="1000000000"
            step="1"
            {...shared}
          />
          <NumberField
            name="seed"
            label={words.seed}
            min="0"
            max="9007199254740991"
            step="1"
            hint={words.seed_hint}
            {...shared}
          />
          <Thinking settings={settings} set={set} words={words} />
        </div>
        <label class="tick">
          <input
            type="checkbox"
            name="json"
            checked={settings.json ?? false}
            onChange={(event) => set("json", event.currentTarget.checked)}
          />
          {words.json_mode}
        </label>
        <label class="tick">
          <input
            type="checkbox"
            name="usual"
            checked={usual}
            onChange={(event) => setUsual(event.currentTarget.checked)}
          />
          {words.use_for_new}
        </label>
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={() => setSettings({})}>
            {words.reset}
          </button>
          <button type="submit" class="button primary">
            {words.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
