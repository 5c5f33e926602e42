#include "base/db/pqxx_connection.h"

#include <array>
#include <exception>
#include <pqxx/except>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/db/pg_status.h"

namespace gatetape {
namespace {

// A list of parameters of libpqxx has one type, and its type for bytes knows no NULL. So each
// parameter becomes two lists, of which one has an element and the other none.
struct Pair {
  std::vector<pqxx::binarystring> value;
  std::vector<const char*> null;  // a null pointer is a NULL
};

template <size_t... Index>
pqxx::result exec_pairs(pqxx::transaction_base& transaction, const std::string& sql,
                        const std::array<Pair, kParamsMax>& pairs, std::index_sequence<Index...>) {
  const auto list = [](const auto& values) {
    return pqxx::prepare::make_dynamic_params(values.begin(), values.end());
  };
  return std::apply(
      [&](const auto&... lists) { return transaction.exec_params(sql, lists...); },
      std::tuple_cat(std::make_tuple(list(pairs[Index].value), list(pairs[Index].null))...));
}

// Message is the first line of what libpq says about a refused statement, in its verbose form:
// "ERROR:  42703: column "x" does not exist". The SQLSTATE is empty when the words are libpq's own.
struct Message {
  std::string_view sqlstate;
  std::string_view text;
};

Message parse_message(std::string_view message) {
  message = message.substr(0, message.find('\n'));
  const size_t severity = message.find(":  ");
  if (severity == std::string_view::npos) return {{}, message};
  const std::string_view rest = message.substr(severity + 3);
  constexpr size_t kSqlstate = 5;
  if (rest.size() < kSqlstate + 2 || rest.substr(kSqlstate, 2) != ": ") return {{}, rest};
  return {rest.substr(0, kSqlstate), rest.substr(kSqlstate + 2)};
}

}  // namespace

AdoptPolicy::handle AdoptPolicy::do_startconnect(handle current) {
  return current != nullptr ? current : std::exchange(adopted_, nullptr);
}

PqxxConnection::PqxxConnection(pg_conn* adopted) : connection_base(policy_), policy_(adopted) {
  init();
// libpqxx 6 has no other way to keep a lost connection from being opened again behind our back;
// libpqxx 7 never does that, and so has deprecated the call.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

pqxx::result pqxx_exec(pqxx::transaction_base& transaction, const std::string& sql,
                       const std::vector<PgParam>& params) {
  CHECK(params.size() <= kParamsMax, params.size(), sql);
  std::array<Pair, kParamsMax> pairs;
  for (size_t i = 0; i < params.size(); i++) {
    if (params[i].bytes)
      pairs[i].value.emplace_back(params[i].bytes->data(), params[i].bytes->size());
    else
      pairs[i].null.push_back(nullptr);
    CHECK(pairs[i].value.size() + pairs[i].null.size() == 1, i);
  }
  return exec_pairs(transaction, sql, pairs, std::make_index_sequence<kParamsMax>());
}

absl::Status status_of_exception() {
  try {
    throw;
  } catch (const pqxx::broken_connection& error) {
    return absl::UnavailableError(std::string(parse_message(error.what()).text));
  } catch (const pqxx::sql_error& error) {
    const Message message = parse_message(error.what());
    return sql_status(message.sqlstate, message.text);
  } catch (const std::exception& error) {
    // Not all refusals of the server are a sql_error in libpqxx 6: a deadlock is none.
    const Message message = parse_message(error.what());
    if (!message.sqlstate.empty()) return sql_status(message.sqlstate, message.text);
    return absl::InternalError(error.what());
  }
}

}  // namespace gatetape
