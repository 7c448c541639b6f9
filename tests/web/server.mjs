// SPDX-License-Identifier: Apache-2.0
// The program with a small model, and what the tests put into its chats.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const program = process.env.DEEPSEEK_PROGRAM;

/** A template whose answers begin with thoughts where thinking is asked for. */
const template =
  "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}" +
  "{% if add_generation_prompt %}[assistant]{% if thinking %}<think>{% else %}<think></think>{% endif %}{% endif %}";

/** Zeroes the row of lm_head that would end an answer, so that it goes on until it is stopped. */
function neverEnd(file, row) {
  const bytes = readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString());
  const { shape, data_offsets } = header["lm_head.weight"];
  const rowBytes = (data_offsets[1] - data_offsets[0]) / shape[0];
  const at = 8 + size + data_offsets[0] + row * rowBytes;
  bytes.fill(0, at, at + rowBytes);
  writeFileSync(file, bytes);
}

const prices = `currency: CNY
zone: UTC
models:
  tiny: [{from: 2020-01-01, hit: 1000, miss: 2000, output: 8000}]
`;

export class Server {
  /** `keys`: { name: "more flags of deepseek key create" }; their secrets are `secrets[name]`. */
  static async start({ keys = {} } = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), "deepseek-page-"));
    server.model = join(server.folder, "model");
    server.data = join(server.folder, "data");
    execFileSync(process.env.TINY_CHAT_MODEL, [server.model]);
    neverEnd(join(server.model, "model.safetensors"), 260);
    writeFileSync(
      join(server.model, "tokenizer_config.json"),
      JSON.stringify({ bos_token: "<s>", eos_token: "</s>", chat_template: template }),
    );
    writeFileSync(join(server.folder, "prices.yaml"), prices);
    server.secrets = {};
    for (const [name, flags] of Object.entries(keys)) {
      const made = execFileSync(program, [
        "key",
        "create",
        name,
        "--data-path",
        server.data,
        "--json",
        ...flags,
      ]);
      server.secrets[name] = JSON.parse(made).secret;
    }
    await server.run();
    return server;
  }

  async run() {
    const log = openSync(join(this.folder, "log"), "a");
    this.process = spawn(
      program,
      [
        "serve",
        this.model,
        "--model-name",
        "tiny",
        "--port",
        "0",
        "--json",
        "--data-path",
        this.data,
        "--prices",
        join(this.folder, "prices.yaml"),
        "--threads",
        "1", // the rest is the browser's
      ],
      { stdio: ["ignore", "pipe", log], env: { ...process.env, HOME: this.folder } },
    );
    // It says where it listens once it does.
    for await (const line of createInterface(this.process.stdout)) {
      this.url = JSON.parse(line).urls[0];
      break;
    }
    this.port = this.url && Number(new URL(this.url).port);
    for (let tries = 0; this.url && tries < 1200 && this.process.exitCode === null; ++tries) {
      if ((await fetch(`${this.url}/ready`)).ok) return;
      await sleep(100);
    }
    throw new Error(`the server did not start:\n${readFileSync(join(this.folder, "log"), "utf8")}`);
  }

  /** A JSON body's answer. */
  async ask(path, { method = "GET", body, key } = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(key && { Authorization: `Bearer ${key}` }),
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** A chat of these messages, one after the other; answers its id. */
  async chat(title, messages, { key, settings = {} } = {}) {
    const { id } = await this.ask("/web/chats", { method: "POST", body: { title, settings }, key });
    let parent_id = null;
    for (const message of messages) {
      const added = await this.ask(`/web/chats/${id}/messages`, {
        method: "POST",
        body: { parent_id, ...message },
        key,
      });
      parent_id = added.id;
    }
    return id;
  }

  async stop() {
    const over = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    const killer = setTimeout(() => this.process.kill("SIGKILL"), 60_000);
    await over;
    clearTimeout(killer);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A way to a server that can be cut, and be slow whatever the machine. */
export class Tunnel {
  #sockets = new Set();
  slow = false; // about 10 kB a second
  shut = false; // who comes is turned away

  static async open(port) {
    const tunnel = new Tunnel();
    tunnel.listener = createServer((near) => {
      if (tunnel.shut) return near.destroy();
      const far = connect(port, "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        tunnel.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          tunnel.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(tunnel.#brake()).pipe(other);
      }
    });
    await new Promise((resolve) => tunnel.listener.listen(0, "127.0.0.1", resolve));
    tunnel.url = `http://127.0.0.1:${tunnel.listener.address().port}`;
    return tunnel;
  }

  #brake() {
    const tunnel = this;
    return new Transform({
      async transform(chunk, encoding, done) {
        let at = 0;
        for (; tunnel.slow && at < chunk.length; at += 200) {
          this.push(chunk.subarray(at, at + 200));
          await sleep(20);
        }
        done(null, chunk.subarray(at));
      },
    });
  }

  /** Breaks every connection; answers how many. */
  cut() {
    const { size } = this.#sockets;
    for (const socket of this.#sockets) socket.destroy();
    return size;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
