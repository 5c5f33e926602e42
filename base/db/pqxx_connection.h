// What Db needs of libpqxx 6.4: a connection made of one that libpq has opened already, statements
// with any number of parameters, and exceptions as a Status. Only base/db/db.cc includes this.
#pragma once

#include <memory>
#include <pqxx/binarystring>
#include <pqxx/connection>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/db/pg_value.h"

namespace gatetape {

// AdoptPolicy hands libpqxx an open connection, once, and never closes it: its owner does.
class AdoptPolicy : public pqxx::connectionpolicy {
 public:
  explicit AdoptPolicy(handle adopted) : connectionpolicy(std::string()), adopted_(adopted) {}
  handle do_startconnect(handle current) override;
  handle do_completeconnect(handle current) override { return current; }
  handle do_dropconnect(handle) noexcept override { return nullptr; }
  handle do_disconnect(handle) noexcept override { return nullptr; }

 private:
  handle adopted_;  // null once it was handed over
};

// PqxxConnection is a libpqxx connection that never reconnects.
class PqxxConnection : public pqxx::connection_base {
 public:
  // `adopted` outlives this object. It throws what libpqxx throws.
  explicit PqxxConnection(pg_conn* adopted);
  ~PqxxConnection() { close(); }

 private:
  AdoptPolicy policy_;
};

// kParamsMax is the most parameters that a statement may have. pqxx_exec is written out for that
// many at compile time; no statement of ours comes near it.
constexpr size_t kParamsMax = 16;

// pqxx_exec runs one statement. All parameters travel in binary format, so that none is cut at a
// NUL. It throws what libpqxx throws.
pqxx::result pqxx_exec(pqxx::transaction_base& transaction, const std::string& sql,
                       const std::vector<PgParam>& params);

// status_of_exception returns the status of the exception that is being handled. It is called in a
// catch block alone.
absl::Status status_of_exception();

}  // namespace gatetape
