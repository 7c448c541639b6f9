// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/store/backends.h"

#include "tests/serve/store/postgres_server.h"

namespace deepseek::testing {

void OnBothBackends::SetUp() {
  location.data_path = folder.path();
  if (GetParam() == "postgres") {
    PostgresServer* server = PostgresServer::instance();
    if (server == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
    location.url = server->new_database();
  }
  database = std::make_unique<store::Database>(location);
}

store::Key OnBothBackends::add_key(const std::string& name) {
  return store::Keys(*database, clock).create({.name = name}).key;
}

store::Key OnBothBackends::add_prepaid_key(int64_t granted_micro, int64_t topped_up_micro) {
  store::KeySpec spec;
  spec.name = "prepaid";
  spec.prepaid = true;
  spec.granted_micro = granted_micro;
  spec.topped_up_micro = topped_up_micro;
  return store::Keys(*database, clock).create(spec).key;
}

}  // namespace deepseek::testing
