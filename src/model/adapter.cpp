// SPDX-License-Identifier: Apache-2.0
#include "model/adapter.h"

#include "core/error.h"
#include "model/parameters.h"
#include "model/rotary_rows.h"

namespace deepseek {
namespace {

constexpr std::string_view suffix = ".weight";

}  // namespace

std::map<std::string, LoraPair> place_adapter(const PeftAdapter& adapter,
                                              const ModelConfig& config) {
  const std::string where = adapter.path.string();
  std::map<std::string, ParameterSpec> maps;
  for (ParameterSpec& parameter : list_parameters(config))
    if (parameter.shape.size() == 2 &&
        adapter.pairs.contains(parameter.name.substr(0, parameter.name.size() - suffix.size())))
      maps[parameter.name] = std::move(parameter);

  std::map<std::string, LoraPair> placed;
  for (const auto& [name, pair] : adapter.pairs) {
    const auto found = maps.find(name + std::string(suffix));
    if (found == maps.end())
      fail(ErrorKind::bad_file, where, ": ", printable(name),
           ": expected a linear map of this model, got no such one in a ", config.model_type,
           " of ", config.num_hidden_layers, " layers; use the adapter of this very model");
    const ParameterSpec& parameter = found->second;
    if (parameter.kind != ParameterSpec::Kind::matrix || name.ends_with(".kv_b_proj"))
      fail(ErrorKind::unsupported, where, ": ", name, ": an adapter of ",
           parameter.kind == ParameterSpec::Kind::matrix ? "kv_b_proj, which runs absorbed,"
                                                         : "a router or an embedding",
           " is not computed here; merge it into the checkpoint");
    const Shape a{pair.a.dim(0), parameter.shape[1]}, b{parameter.shape[0], pair.a.dim(0)};
    if (pair.a.shape() != a || pair.b.shape() != b)
      fail(ErrorKind::bad_file, where, ": ", name, ": expected A ", shape_text(a), " and B ",
           shape_text(b), ", got A ", shape_text(pair.a.shape()), " and B ",
           shape_text(pair.b.shape()), "; use the adapter of this very model");
    LoraPair update{pair.a.to_f32(), pair.b.to_f32(), pair.scale};
    const int64_t heads = rotary_heads(config, parameter.name);
    if (heads > 0 && config.rope_pairing == RopePairing::interleaved)
      update.b = interleave_rows(update.b, heads);
    placed.emplace(name, std::move(update));
  }
  return placed;
}

}  // namespace deepseek
