// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/ast.h"

#include <initializer_list>

namespace deepseek::jinja {
namespace {

class Depth {
 public:
  int operator()(const Literal&) const { return 0; }
  int operator()(const Name&) const { return 0; }
  int operator()(const ListLiteral& n) const { return of(n.items); }
  int operator()(const DictLiteral& n) const {
    int depth = 0;
    for (const auto& [key, value] : n.entries) depth = std::max({depth, of(key), of(value)});
    return depth;
  }
  int operator()(const Attribute& n) const { return of(n.object); }
  int operator()(const Item& n) const { return std::max(of(n.object), of(n.index)); }
  int operator()(const Slice& n) const {
    return std::max({of(n.object), of(n.begin), of(n.end), of(n.step)});
  }
  int operator()(const Call& n) const { return std::max(of(n.callee), of(n.arguments)); }
  int operator()(const Filter& n) const { return std::max(of(n.subject), of(n.arguments)); }
  int operator()(const Test& n) const { return std::max(of(n.subject), of(n.arguments)); }
  int operator()(const Not& n) const { return of(n.operand); }
  int operator()(const Sign& n) const { return of(n.operand); }
  int operator()(const Binary& n) const { return std::max(of(n.left), of(n.right)); }
  int operator()(const Compare& n) const {
    int depth = of(n.first);
    for (const auto& [op, right] : n.rest) depth = std::max(depth, of(right));
    return depth;
  }
  int operator()(const Logic& n) const { return std::max(of(n.left), of(n.right)); }
  int operator()(const Conditional& n) const {
    return std::max({of(n.test), of(n.then), of(n.otherwise)});
  }
  int operator()(const Concat& n) const { return of(n.parts); }

 private:
  static int of(const ExprPtr& e) { return e ? e->depth : 0; }
  static int of(const std::vector<ExprPtr>& list) {
    int depth = 0;
    for (const ExprPtr& e : list) depth = std::max(depth, of(e));
    return depth;
  }
  static int of(const CallArguments& a) {
    int depth = std::max({of(a.positional), of(a.more_positional), of(a.more_named)});
    for (const auto& [name, value] : a.named) depth = std::max(depth, of(value));
    return depth;
  }
};

}  // namespace

int depth_of(const ExprNode& node) { return 1 + std::visit(Depth{}, node); }

}  // namespace deepseek::jinja
