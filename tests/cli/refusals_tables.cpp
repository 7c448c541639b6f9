// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cstring>
#include <fstream>

#include "core/file.h"
#include "serve/store/keys.h"
#include "tests/cli/refusals.h"
#include "tests/cli/tiny_model.h"

namespace deepseek::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Prepare = std::function<void(const fs::path&)>;

void write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

Prepare file(const char* name, const std::string& content) {
  return [=](const fs::path& folder) { write(folder / name, content); };
}

/// DIR/model, and then what else is to be done to it.
Prepare model(const std::function<void(const fs::path&)>& change = {}) {
  return [=](const fs::path& folder) {
    write_small_model(folder / "model");
    if (change) change(folder / "model");
  };
}

/// DIR/model with another config.json beside the same weights.
Prepare config(const json& patch) {
  return model([=](const fs::path& folder) {
    json changed = small_config();
    changed.merge_patch(patch);
    write(folder / "config.json", changed.dump());
  });
}

std::string safetensors(const json& header, const std::string& data) {
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  const uint64_t size = text.size();
  std::memcpy(bytes.data(), &size, 8);
  return bytes + text + data;
}

json tensor(const char* dtype, const json& shape, int64_t begin, int64_t end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

/// DIR/model with model.safetensors replaced.
Prepare weights(const std::string& bytes) {
  return model([=](const fs::path& folder) { write(folder / "model.safetensors", bytes); });
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& bytes, const std::string& text) {
  append(bytes, uint64_t(text.size()));
  bytes += text;
}

/// A GGUF header with these counts and one key, general.architecture.
std::string gguf(uint32_t version, uint64_t tensors, uint64_t keys, const std::string& architecture,
                 const std::string& rest = "") {
  std::string bytes = "GGUF";
  append(bytes, version);
  append(bytes, tensors);
  append(bytes, keys);
  append_text(bytes, "general.architecture");
  append(bytes, uint32_t{8});
  append_text(bytes, architecture);
  return bytes + rest;
}

std::string gguf_tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                        uint64_t offset) {
  std::string bytes;
  append_text(bytes, name);
  append(bytes, uint32_t(dims.size()));
  for (const uint64_t dim : dims) append(bytes, dim);
  append(bytes, type);
  append(bytes, offset);
  return bytes;
}

const std::vector<std::string> show{"show", "DIR/model"};
const std::vector<std::string> show_gguf{"show", "DIR/m.gguf"};
const std::vector<std::string> open{"trace",        "DIR/model", "--tokens-file",
                                    "DIR/ids.json", "--out",     "DIR/out.safetensors"};

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Adds DIR/ids.json.
Prepare ids(const Prepare& prepare, const std::string& content = "[[1, 2, 3]]") {
  return [=](const fs::path& folder) {
    prepare(folder);
    write(folder / "ids.json", content);
  };
}

void add_command_line(std::vector<Refusal>& rows) {
  const char* section = "Command line";
  rows.push_back({section, "a verb that does not exist", {"tokenise"}, 2});
  rows.push_back({section, "a flag that does not exist", {"list", "--jsn"}, 2});
  rows.push_back({section, "a flag without its value", {"config", "show", "--threads"}, 2});
  rows.push_back(
      {section, "a flag given twice", {"config", "show", "--seed", "1", "--seed", "2"}, 2});
  rows.push_back({section, "a flag before the verb", {"--threads", "2", "list"}, 2});
  rows.push_back({section, "an argument missing", {"tokenize"}, 2});
  rows.push_back({section, "an argument too many", {"version", "now"}, 2});
  rows.push_back({section, "a value that is no number", {"config", "show", "--ctx", "long"}, 2});
  rows.push_back({section, "a value out of range", {"config", "show", "--threads", "0"}, 2});
  rows.push_back(
      {section, "a size that is none", {"config", "show", "--cache-bytes", "2 apples"}, 2});
  rows.push_back({section,
                  "a seed of more than 64 bits",
                  {"config", "show", "--seed", "18446744073709551616"},
                  2});
  rows.push_back({section, "a choice that is none", {"config", "show", "--precision", "fp64"}, 2});
  rows.push_back({section, "a shell without completion", {"completion", "tcsh"}, 2});
  rows.push_back({section,
                  "DEEPSEEK_CPU with an unknown level",
                  {"doctor"},
                  2,
                  {},
                  "",
                  {{"DEEPSEEK_CPU", "sse9"}}});
  rows.push_back({section,
                  "no room on the disk behind standard output",
                  {"help"},
                  6,
                  {},
                  "",
                  {},
                  "/dev/full"});
}

void add_config(std::vector<Refusal>& rows) {
  const char* section = "config.yaml";
  const std::vector<std::string> call{"config", "show", "--config", "DIR/c.yaml"};
  rows.push_back({section, "no such file", call, 4});
  rows.push_back({section, "not YAML", call, 3, file("c.yaml", "threads: [1\n")});
  rows.push_back({section, "not a map", call, 3, file("c.yaml", "- threads\n")});
  rows.push_back({section, "an unknown setting", call, 3, file("c.yaml", "seed: 1\ntreads: 2\n")});
  rows.push_back({section, "a setting twice", call, 3, file("c.yaml", "seed: 1\nseed: 2\n")});
  rows.push_back({section, "a wrong value", call, 3, file("c.yaml", "top-p: 1.5\n")});
  rows.push_back({section, "a list for one value", call, 3, file("c.yaml", "seed: [1]\n")});
  rows.push_back({section, "two documents", call, 3, file("c.yaml", "seed: 1\n---\nthreads: 2\n")});
}

void add_names(std::vector<Refusal>& rows) {
  const char* section = "Naming a model";
  rows.push_back({section, "neither a path nor in the cache", {"show", "org/name"}, 4});
  rows.push_back({section, "no such path", {"show", "DIR/nowhere"}, 4});
  rows.push_back({section, "the starter model is not there yet", {"show", "starter"}, 4});
  rows.push_back({section, "a folder without a model", {"show", "DIR"}, 3});
  rows.push_back({section,
                  "a file that is no model",
                  {"show", "DIR/notes.txt"},
                  3,
                  file("notes.txt", "hello")});
  rows.push_back({section, "a device", {"show", "/dev/null"}, 3});
  const char* cache = "Model cache";
  rows.push_back({cache, "a name that is none", {"pull", "../evil"}, 2});
  rows.push_back({cache, "offline", {"pull", "org/name"}, 7, {}, "", {{"HF_HUB_OFFLINE", "1"}}});
  rows.push_back({cache, "the starter model, which is in no hub", {"pull", "starter"}, 4});
  rows.push_back({cache, "a cache that cannot be read", {"list"}, 3, [](const fs::path& folder) {
                    fs::create_symlink("hub", folder / "hub");
                  }});
  rows.push_back({cache, "deleting what is not there", {"rm", "org/name", "--yes"}, 4});
  rows.push_back({cache,
                  "deleting without a terminal to ask at",
                  {"rm", "org/name"},
                  2,
                  [](const fs::path& folder) {
                    const std::string model = "hub/models--org--name/";
                    const std::string commit(40, 'a');
                    write(folder / (model + "snapshots/" + commit + "/m.gguf"), "GGUF");
                    write(folder / (model + "refs/main"), commit);
                  }});
}

void add_model_config(std::vector<Refusal>& rows) {
  const char* section = "config.json";
  rows.push_back({section, "not JSON", show, 3, model([](const fs::path& folder) {
                    write(folder / "config.json", "{\"model_type\": ");
                  })});
  rows.push_back(
      {section, "a model type that is not known", show, 5, config({{"model_type", "mamba"}})});
  rows.push_back({section, "a field missing", show, 3, config({{"hidden_size", nullptr}})});
  rows.push_back({section, "a negative value", show, 3, config({{"num_hidden_layers", -2}})});
  rows.push_back(
      {section, "an absurd value", show, 3, config({{"num_hidden_layers", 4000000000}})});
  rows.push_back({section, "a value of the wrong type", show, 3, config({{"vocab_size", "many"}})});
  rows.push_back(
      {section, "heads that do not divide", show, 3, config({{"num_key_value_heads", 3}})});
  rows.push_back(
      {section, "fewer layers than the weights have", open, 3, [](const fs::path& folder) {
         config({{"num_hidden_layers", 1}})(folder);
         write(folder / "ids.json", "[[1]]");
       }});
  rows.push_back({section,
                  "8 bits where no block is of integers",
                  {"trace", "DIR/model", "--tokens-file", "DIR/ids.json", "--out", "DIR/out",
                   "--precision", "int8"},
                  2,
                  [](const fs::path& folder) {
                    model()(folder);
                    write(folder / "ids.json", "[[1]]");
                  }});
  rows.push_back(
      {section, "a pipe in place of the file", show, 3, model([](const fs::path& folder) {
         fs::remove(folder / "config.json");
         ::mkfifo((folder / "config.json").c_str(), 0600);
       })});
}

void add_safetensors(std::vector<Refusal>& rows) {
  const char* section = "safetensors";
  std::string long_header(8, '\xFF');
  rows.push_back({section, "an empty file", show, 3, weights("")});
  rows.push_back({section, "a header longer than the file", show, 3, weights(long_header + "{}")});
  rows.push_back({section, "a header that is no JSON", show, 3,
                  weights(std::string("\x04\0\0\0\0\0\0\0nope", 12))});
  rows.push_back({section, "a truncated file", show, 3, model([](const fs::path& folder) {
                    fs::resize_file(folder / "model.safetensors",
                                    fs::file_size(folder / "model.safetensors") - 100);
                  })});
  rows.push_back(
      {section, "tensors that overlap", show, 3,
       weights(safetensors({{"a", tensor("F32", {2}, 0, 8)}, {"b", tensor("F32", {2}, 4, 12)}},
                           std::string(12, '\0')))});
  rows.push_back(
      {section, "a shape that its bytes do not hold", show, 3,
       weights(safetensors({{"a", tensor("F32", {1000000}, 0, 8)}}, std::string(8, '\0')))});
  rows.push_back(
      {section, "a shape past 63 bits", show, 3,
       weights(safetensors({{"a", tensor("F32", {4000000000, 4000000000, 4000000000}, 0, 8)}},
                           std::string(8, '\0')))});
  rows.push_back(
      {section, "an unknown type", show, 3,
       weights(safetensors({{"a", tensor("F128", {1}, 0, 16)}}, std::string(16, '\0')))});
  rows.push_back(
      {section, "a tensor missing", open, 3,
       ids(weights(safetensors({{"a", tensor("F32", {1}, 0, 4)}}, std::string(4, '\0'))))});
  rows.push_back(
      {section, "a tensor of another shape", open, 3, ids(config({{"intermediate_size", 256}}))});
  rows.push_back(
      {section, "a shard missing", open, 4, ids(model([](const fs::path& folder) {
         fs::remove(folder / "model.safetensors");
         write(folder / "model.safetensors.index.json",
               R"({"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}})");
       }))});
  rows.push_back({section, "an index that points out of the folder", show, 3,
                  model([](const fs::path& folder) {
                    fs::remove(folder / "model.safetensors");
                    write(folder / "model.safetensors.index.json",
                          R"({"weight_map": {"lm_head.weight": "../model.safetensors"}})");
                  })});
}

void add_gguf(std::vector<Refusal>& rows) {
  const char* section = "GGUF";
  const auto gguf_file = [](const std::string& bytes) { return file("m.gguf", bytes); };
  rows.push_back({section, "a file that ends in its header", show_gguf, 3, gguf_file("GGUF\x03")});
  rows.push_back({section, "an unknown version", show_gguf, 3, gguf_file(gguf(9, 0, 1, "llama"))});
  rows.push_back({section, "more tensors than the file could hold", show_gguf, 3,
                  gguf_file(gguf(3, uint64_t{1} << 60, 1, "llama"))});
  rows.push_back({section, "more keys than the file could hold", show_gguf, 3,
                  gguf_file(gguf(3, 0, uint64_t{1} << 60, "llama"))});
  rows.push_back({section, "a tensor past the end", show_gguf, 3,
                  gguf_file(gguf(3, 1, 1, "llama", gguf_tensor("output.weight", {64, 64}, 0, 0)))});
  rows.push_back({section, "an unknown type", show_gguf, 3,
                  gguf_file(gguf(3, 1, 1, "llama", gguf_tensor("a", {64}, 999, 0)))});
  rows.push_back(
      {section, "a tensor that is not aligned", show_gguf, 3,
       gguf_file(gguf(3, 1, 1, "llama", gguf_tensor("a", {1}, 0, 4) + std::string(99, '\0')))});
  rows.push_back({section, "an architecture that is not known", show_gguf, 5,
                  gguf_file(gguf(3, 0, 1, "rwkv6"))});
  rows.push_back({section, "a key missing", show_gguf, 3, gguf_file(gguf(3, 0, 1, "llama"))});
}

void add_text(std::vector<Refusal>& rows) {
  const char* section = "Tokenizers and templates";
  const std::vector<std::string> tokenize{"tokenize", "DIR/t.json", "--text", "x"};
  json other = json::parse(small_tokenizer());
  other["model"]["type"] = "Unigram";
  rows.push_back(
      {section, "a tokenizer.json that is no JSON", tokenize, 3, file("t.json", "{\"version\": ")});
  rows.push_back({section, "a kind of tokenizer that is not known", tokenize, 5,
                  file("t.json", other.dump())});
  rows.push_back({section,
                  "a token id outside the vocabulary",
                  {"tokenize", "DIR/t.json", "--decode", "--text", "[4711]"},
                  2,
                  file("t.json", small_tokenizer())});
  const std::vector<std::string> render{"template", "DIR/t.jinja"};
  const std::string context = R"({"messages": []})";
  rows.push_back({section, "a template with a syntax error", render, 3,
                  file("t.jinja", "{% if x %}"), context});
  rows.push_back(
      {section, "a template that does not end", render, 3,
       file("t.jinja",
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}"),
       context});
  rows.push_back({section, "a template that refuses", render, 2,
                  file("t.jinja", "{{ raise_exception('roles must alternate') }}"), context});
  rows.push_back({section, "a context that is no object", render, 2, file("t.jinja", "x"), "[]"});
  rows.push_back({section, "a context that nests too deep", render, 2, file("t.jinja", "x"),
                  "{\"messages\": " + std::string(1000, '[') + std::string(1000, ']') + "}"});
  rows.push_back({section, "a tokenizer_config.json with a wrong field", tokenize, 3,
                  [](const fs::path& folder) {
                    write(folder / "t.json", small_tokenizer());
                    write(folder / "tokenizer_config.json", R"({"bos_token": 5})");
                  }});
}

void add_runs(std::vector<Refusal>& rows) {
  const char* section = "Running a model";
  rows.push_back({section, "a token id outside the vocabulary", open, 3, ids(model(), "[[100]]")});
  rows.push_back({section, "a label outside the vocabulary",
                  with(open, {"--loss", "--labels-file", "DIR/labels.json"}), 3,
                  [](const fs::path& folder) {
                    ids(model())(folder);
                    write(folder / "labels.json", "[[1, -100, 100]]");
                  }});
  rows.push_back(
      {section, "a context past the model's", with(open, {"--ctx", "999999"}), 2, ids(model())});
  rows.push_back(
      {section, "a flag that does nothing", with(open, {"--cache-bytes", "1M"}), 2, ids(model())});
  rows.push_back({section,
                  "a result to a folder that is not there",
                  {"trace", "DIR/model", "--tokens-file", "DIR/ids.json", "--out", "DIR/no/out"},
                  4,
                  ids(model())});
  rows.push_back({section, "token ids that are none", open, 3, ids(model(), "[[1.5]]")});
  rows.push_back({section,
                  "a result over what it is computed from",
                  {"trace", "DIR/model", "--tokens-file", "DIR/ids.json", "--out", "DIR/ids.json"},
                  2,
                  ids(model())});
  rows.push_back(
      {section,
       "a tokenizer of another model",
       {"run", "DIR/model"},
       3,
       model([](const fs::path& folder) { write(folder / "tokenizer.json", byte_tokenizer()); }),
       "hello"});
  rows.push_back({section,
                  "a GGUF file to a GGUF file",
                  {"convert", "DIR/m.gguf", "DIR/n.gguf"},
                  2,
                  file("m.gguf", gguf(3, 0, 1, "llama"))});
  rows.push_back({section,
                  "a prompt longer than the context",
                  {"generate", "DIR/model", "--ctx", "64", "--prompt", std::string(100, 'x')},
                  2,
                  model()});
  rows.push_back(
      {section,
       "a prompt longer than the cache",
       {"generate", "DIR/model", "--cache-bytes", "16KiB", "--prompt", std::string(100, 'x')},
       2,
       model()});
  rows.push_back(
      {section, "a list longer than the context", with(open, {"--ctx", "2"}), 2, ids(model())});
  rows.push_back({section, "gradients without a loss", with(open, {"--grad"}), 2, ids(model())});
  rows.push_back({section, "a cache too small", with(open, {"--cache", "1", "--cache-bytes", "64"}),
                  6, ids(model())});
  rows.push_back({section, "an adapter that is not there", with(open, {"--adapter", "DIR/lora"}), 4,
                  ids(model())});
}

void add_store(std::vector<Refusal>& rows) {
  const char* section = "Keys and the ledger";
  const auto key = [](std::vector<std::string> words) {
    words.insert(words.begin(), "key");
    words.insert(words.end(), {"--data-path", "DIR/data"});
    return words;
  };
  const auto store = [](const std::string& sql) {
    return [=](const fs::path& folder) {
      store::Database database({.data_path = folder / "data"});
      store::Keys keys(database);
      keys.create({.name = "alice", .granted_micro = 1000});
      keys.create({.name = "bob", .granted_micro = 1000});
      database.write([&](store::Connection& connection) { connection.run_script(sql); });
    };
  };
  const std::vector<std::string> verify{"ledger", "verify", "--data-path", "DIR/data"};
  rows.push_back({section, "an action that is none", {"key", "delete", "alice"}, 2});
  rows.push_back({section, "no store yet", key({"list"}), 4});
  rows.push_back({section, "a key that does not exist", key({"revoke", "alcie"}), 4, store("")});
  rows.push_back({section, "a scope that is none", key({"create", "a", "--scope", "chta"}), 2});
  rows.push_back({section, "an amount that is none", key({"create", "a", "--grant", "5 USD"}), 2});
  rows.push_back({section, "a time that is none", key({"create", "a", "--expires", "soon"}), 2});
  rows.push_back({section, "a currency that is none", key({"create", "a", "--currency", "$"}), 2});
  rows.push_back({section, "a URL of another database",
                  with(key({"list"}), {"--store-url", "mysql://host/d"}), 2});
  rows.push_back({section, "a PostgreSQL server that is not there",
                  with(key({"list"}), {"--store-url", "postgresql:///d?host=/nowhere"}), 7});
  rows.push_back({section, "the store is no database", key({"list"}), 3,
                  file("data/store.sqlite3", std::string(4096, 'x'))});
  rows.push_back({section, "the store was made by a newer version", key({"list"}), 3,
                  store("UPDATE store_meta SET number = 9 WHERE name = 'schema_version'")});
  rows.push_back({section, "a changed row of the ledger", verify, 3,
                  store("DROP TRIGGER ledger_keeps_rows; DELETE FROM ledger WHERE seq = 1")});
}

void add_serve(std::vector<Refusal>& rows) {
  const char* section = "The server";
  const auto serve = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"serve", "DIR/model", "--port", "0"});
    return words;
  };
  const std::vector<std::string> data{"--data-path", "DIR/data"};
  const auto beside = [](const char* name, const std::string& content) {
    return [=](const fs::path& folder) {
      write_small_model(folder / "model");
      write(folder / name, content);
    };
  };
  const auto prices = [=](const std::string& yaml) { return beside("prices.yaml", yaml); };
  const std::vector<std::string> priced =
      with(serve({"--model-name", "tiny", "--prices", "DIR/prices.yaml"}), data);
  rows.push_back(
      {section, "a public address without keys", serve({"--host", "0.0.0.0"}), 2, model()});
  rows.push_back({section, "a public address and a store that never had a key",
                  with(serve({"--host", "0.0.0.0"}), data), 2, model()});
  rows.push_back({section, "a key that is none", serve({"--api-key", "sk 1"}), 2, model()});
  rows.push_back(
      {section, "prices without a store", serve({"--prices", "DIR/prices.yaml"}), 2, model()});
  rows.push_back({section, "a price file that is not there", priced, 4, model()});
  rows.push_back({section, "a price file with an unknown field", priced, 3,
                  prices("currency: USD\nzone: UTC\nmodles: {}\n")});
  rows.push_back({section, "a model without a price", priced, 4,
                  prices("currency: USD\nzone: UTC\nmodels:\n"
                         "  other: [{from: 2020-01-01, hit: 1, miss: 1, output: 1}]\n")});
  rows.push_back({section, "a collector that is no URL",
                  serve({"--otlp-endpoint", "collector:4318"}), 2, model()});
  rows.push_back({section,
                  "one name for two models",
                  {"serve", "DIR/model", "DIR/model", "--port", "0", "--model-name", "tiny"},
                  2,
                  model()});
  rows.push_back({section,
                  "two models of one name",
                  {"serve", "tiny=DIR/model", "tiny=DIR/model", "--port", "0"},
                  2,
                  model()});
  rows.push_back({section, "another name for a model that is not served",
                  serve({"--model-alias", "gpt-*=other"}), 2, model()});
  rows.push_back({section, "a server that does not answer", {"ps", "--port", "1"}, 7, model()});
  rows.push_back({section, "a store that is no database", with(serve({}), data), 3,
                  beside("data/store.sqlite3", std::string(4096, 'x'))});
}

}  // namespace

std::vector<Refusal> refusals() {
  std::vector<Refusal> rows;
  add_command_line(rows);
  add_config(rows);
  add_names(rows);
  add_model_config(rows);
  add_safetensors(rows);
  add_gguf(rows);
  add_text(rows);
  add_runs(rows);
  add_store(rows);
  add_serve(rows);
  return rows;
}

}  // namespace deepseek::testing
