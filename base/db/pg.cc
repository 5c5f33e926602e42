#include "base/db/pg.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/clock.h"

namespace gatetape {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kConnectTimeoutS = 5;
constexpr int kBinary = 1;
constexpr char kBegin[] = "begin";
constexpr char kCommit[] = "commit";

// Params holds what libpq wants to see of a list of PgParam; it borrows from the list.
struct Params {
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;

  explicit Params(const std::vector<PgParam>& params) : formats(params.size(), kBinary) {
    for (const PgParam& param : params) {
      values.push_back(param.bytes ? param.bytes->data() : nullptr);
      lengths.push_back(param.bytes ? static_cast<int>(param.bytes->size()) : 0);
    }
  }
  int count() const { return static_cast<int>(values.size()); }
};

std::string_view field_of(const pg_result* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

absl::StatusCode code_of(std::string_view sqlstate) {
  if (sqlstate == "23505") return absl::StatusCode::kAlreadyExists;
  if (sqlstate == "42501") return absl::StatusCode::kPermissionDenied;
  if (sqlstate == "XX001" || sqlstate == "XX002") return absl::StatusCode::kDataLoss;
  const std::string_view error_class = sqlstate.substr(0, 2);
  if (error_class == "22" || error_class == "23") return absl::StatusCode::kInvalidArgument;
  // 08: connection, 57P: shutdown. No SQLSTATE at all: libpq's own message, the connection is gone.
  if (sqlstate.empty() || error_class == "08" || sqlstate.substr(0, 3) == "57P")
    return absl::StatusCode::kUnavailable;
  return absl::StatusCode::kInternal;
}

absl::Status status_of(const pg_result* result) {
  switch (PQresultStatus(result)) {
    case PGRES_FATAL_ERROR:
    case PGRES_NONFATAL_ERROR:
    case PGRES_BAD_RESPONSE:
      break;
    case PGRES_PIPELINE_ABORTED:
      return absl::InternalError("an earlier statement failed");
    default:
      return absl::OkStatus();
  }
  const std::string_view sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  std::string text(field_of(result, PG_DIAG_MESSAGE_PRIMARY));
  if (text.empty()) text = std::string(absl::StripSuffix(PQresultErrorMessage(result), "\n"));
  if (!sqlstate.empty()) text += " (SQLSTATE " + std::string(sqlstate) + ")";
  return absl::Status(code_of(sqlstate), text);
}

// is_certain tells that the server itself refused the statement and lives on: the transaction did
// not commit. A FATAL may come after the commit was done.
bool is_certain(const pg_result* result) {
  return field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "ERROR" &&
         field_of(result, PG_DIAG_SQLSTATE) != "40003";
}

// is_fatal tells that the server ended the connection with these words.
bool is_fatal(const pg_result* result) {
  const std::string_view severity = field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

// wait_socket polls a socket until an event, an error or the deadline; false at the deadline.
bool wait_socket(int fd, short events, int64_t deadline_ns) {
  while (true) {
    const int64_t left_ns = deadline_ns - system_clock().mono_ns();
    if (left_ns <= 0) return false;
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left_ns / 1'000'000 + 1));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

bool is_list_of_hosts(const PQconninfoOption& option) {
  const std::string_view name = option.keyword;
  return name == "host" || name == "hostaddr" || name == "port";
}

size_t hosts_in(const PQconninfoOption* options) {
  ptrdiff_t commas = 0;
  for (; options->keyword != nullptr; options++) {
    const std::string_view value = options->val == nullptr ? "" : options->val;
    if (is_list_of_hosts(*options))
      commas = std::max(commas, std::count(value.begin(), value.end(), ','));
  }
  return static_cast<size_t>(commas) + 1;
}

// value_for gives an option as it is for one of several hosts; one port may be that of all.
std::string value_for(const PQconninfoOption& option, size_t host) {
  if (!is_list_of_hosts(option)) return option.val;
  const std::vector<std::string> parts = absl::StrSplit(option.val, ',');
  return host < parts.size() ? parts[host] : parts.back();
}

}  // namespace

PgConnection::PgConnection(pg_conn* connection) : connection_(connection) {
  PQsetNoticeReceiver(connection_, &PgConnection::on_notice, this);
}

PgConnection::~PgConnection() { give_up(); }

void PgConnection::on_notice(void* self, const pg_result* notice) {
  if (field_of(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING")
    static_cast<PgConnection*>(self)->warned_ = true;
}

// Each of several hosts has its own time: PQconnectPoll leaves one that is silent to its caller,
// and only PQconnectdb would go on to the next.
absl::StatusOr<std::unique_ptr<PgConnection>> PgConnection::connect(const std::string& conninfo) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(conninfo.c_str(), &why), PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> text(why, PQfreemem);
  if (options == nullptr)
    return absl::InvalidArgumentError(
        absl::StripSuffix(why == nullptr ? "out of memory" : why, "\n"));
  absl::StatusOr<std::unique_ptr<PgConnection>> connection;
  for (size_t host = 0; host < hosts_in(options.get()); host++) {
    connection = connect_to(options.get(), host);
    if (connection.ok()) return connection;
  }
  return connection;
}

absl::StatusOr<std::unique_ptr<PgConnection>> PgConnection::connect_to(
    const PQconninfoOption* options, size_t host) {
  std::vector<const char*> names;
  std::vector<std::string> texts;
  for (; options->keyword != nullptr; options++) {
    if (options->val == nullptr) continue;
    names.push_back(options->keyword);
    texts.push_back(value_for(*options, host));
  }
  std::vector<const char*> values;
  values.reserve(texts.size() + 1);
  for (const std::string& value : texts) values.push_back(value.c_str());
  names.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* raw = PQconnectStartParams(names.data(), values.data(), 0);
  if (raw == nullptr) return absl::UnavailableError("libpq is out of memory");
  std::unique_ptr<PgConnection> connection(new PgConnection(raw));
  const absl::Status connected = connection->wait_connected();
  if (!connected.ok()) return connected;
  PQsetnonblocking(raw, 1);
  const absl::Status utf8 = connection->run_script("set client_encoding = 'UTF8'");
  if (!utf8.ok()) return utf8;
  return connection;
}

absl::Status PgConnection::wait_connected() {
  const int64_t deadline = system_clock().mono_ns() + kConnectTimeoutS * kSecondNs;
  PostgresPollingStatusType state =
      PQstatus(connection_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return lost();
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_socket(PQsocket(connection_), events, deadline))
      return absl::UnavailableError("the database did not answer in time");
    state = PQconnectPoll(connection_);
  }
  return absl::OkStatus();
}

void PgConnection::set_timeout_s(uint32_t seconds) { timeout_s_ = seconds; }

int64_t PgConnection::deadline_ns() const {
  return system_clock().mono_ns() + int64_t{timeout_s_} * kSecondNs;
}

bool PgConnection::is_broken() const {
  return connection_ == nullptr || PQstatus(connection_) != CONNECTION_OK;
}

void PgConnection::give_up() { PQfinish(std::exchange(connection_, nullptr)); }

absl::Status PgConnection::doubt(absl::string_view why) {
  const absl::Status status = absl::AbortedError("commit in doubt: " + std::string(why));
  give_up();
  return status;
}

absl::Status PgConnection::lost() {
  if (connection_ == nullptr) return absl::UnavailableError("the connection is closed");
  return absl::UnavailableError(absl::StripSuffix(PQerrorMessage(connection_), "\n"));
}

// pump waits once for the socket and reads what came; past the deadline it gives the connection up.
absl::Status PgConnection::pump(int64_t deadline_ns, bool flushing) {
  const short events = static_cast<short>(POLLIN | (flushing ? POLLOUT : 0));
  if (!wait_socket(PQsocket(connection_), events, deadline_ns)) {
    give_up();
    return absl::DeadlineExceededError("the database did not answer in time");
  }
  return PQconsumeInput(connection_) == 1 ? absl::OkStatus() : lost();
}

absl::StatusOr<PgHandle> PgConnection::next_result(int64_t deadline_ns) {
  while (true) {
    const int unsent = PQflush(connection_);
    if (unsent == 0 && PQisBusy(connection_) == 0) return PgHandle(PQgetResult(connection_));
    // After a failed flush the server's last words may still be readable: libpq gives them as a
    // result.
    if (unsent < 0 && PQisBusy(connection_) == 0) return PgHandle(PQgetResult(connection_));
    const absl::Status pumped = pump(deadline_ns, unsent == 1);
    if (!pumped.ok()) return pumped;
  }
}

// finish_query reads all results of a query that was sent (`sent` is libpq's answer to that) and
// gives the first that failed, else the last.
absl::StatusOr<PgHandle> PgConnection::finish_query(int sent) {
  if (sent != 1) return lost();
  const int64_t deadline = deadline_ns();
  PgHandle kept;
  while (true) {
    absl::StatusOr<PgHandle> result = next_result(deadline);
    if (!result.ok()) return result.status();
    if (*result == nullptr) break;
    if (kept == nullptr || status_of(kept.get()).ok()) kept = std::move(*result);
  }
  if (kept == nullptr) return lost();
  if (is_fatal(kept.get())) give_up();
  return kept;
}

absl::StatusOr<PgResult> PgConnection::execute(const std::string& sql,
                                               const std::vector<PgParam>& params) {
  if (is_broken()) return lost();
  const Params raw(params);
  absl::StatusOr<PgHandle> result = finish_query(
      PQsendQueryParams(connection_, sql.c_str(), raw.count(), nullptr, raw.values.data(),
                        raw.lengths.data(), raw.formats.data(), kBinary));
  if (!result.ok()) return result.status();
  const absl::Status status = status_of(result->get());
  if (!status.ok()) return status;
  return PgResult(result->release());
}

absl::Status PgConnection::run_script(const std::string& sql) {
  if (is_broken()) return lost();
  const absl::StatusOr<PgHandle> result = finish_query(PQsendQuery(connection_, sql.c_str()));
  return result.ok() ? status_of(result->get()) : result.status();
}

absl::Status PgConnection::commit() {
  if (is_broken()) return lost();
  warned_ = false;
  const absl::StatusOr<PgHandle> result = finish_query(PQsendQuery(connection_, kCommit));
  if (!result.ok()) return doubt(result.status().message());
  const absl::Status status = status_of(result->get());
  if (!status.ok()) return is_certain(result->get()) ? status : doubt(status.message());
  if (warned_) return doubt("the server warned while it committed");
  if (std::string_view(PQcmdStatus(result->get())) != "COMMIT")
    return absl::FailedPreconditionError("the transaction had failed and was rolled back");
  return absl::OkStatus();
}

absl::Status PgConnection::prepare(const std::string& sql) {
  if (prepared_.contains(sql)) return absl::OkStatus();
  const std::string name = "s" + std::to_string(prepared_.size());
  const absl::StatusOr<PgHandle> result =
      finish_query(PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr));
  if (!result.ok()) return result.status();
  const absl::Status status = status_of(result->get());
  if (status.ok()) prepared_[sql] = name;
  return status;
}

absl::StatusOr<std::vector<PgResult>> PgConnection::transact(
    const std::vector<PgStatement>& statements) {
  const absl::Status prepared = prepare_all(statements);
  if (!prepared.ok()) return prepared;
  warned_ = false;
  const absl::Status sent = send_pipeline(statements);
  if (!sent.ok()) return doubt(sent.message());
  absl::StatusOr<std::vector<PgResult>> results = read_pipeline(statements.size() + 2);
  if (results.ok()) return std::vector<PgResult>(results->begin() + 1, results->end() - 1);
  if (absl::IsAborted(results.status())) return results.status();
  const absl::Status undone = run_script("rollback");
  return undone.ok() ? results.status() : undone;
}

absl::Status PgConnection::prepare_all(const std::vector<PgStatement>& statements) {
  if (is_broken()) return lost();
  absl::Status status = prepare(kBegin);
  for (const PgStatement& statement : statements)
    if (status.ok()) status = prepare(statement.sql);
  return status.ok() ? prepare(kCommit) : status;
}

absl::Status PgConnection::send_prepared(const char* sql, const std::vector<PgParam>& params) {
  const Params raw(params);
  const int sent =
      PQsendQueryPrepared(connection_, prepared_.at(sql).c_str(), raw.count(), raw.values.data(),
                          raw.lengths.data(), raw.formats.data(), kBinary);
  return sent == 1 ? absl::OkStatus() : lost();
}

absl::Status PgConnection::send_pipeline(const std::vector<PgStatement>& statements) {
  if (PQenterPipelineMode(connection_) != 1) return lost();
  absl::Status status = send_prepared(kBegin, {});
  for (const PgStatement& statement : statements)
    if (status.ok()) status = send_prepared(statement.sql, statement.params);
  if (status.ok()) status = send_prepared(kCommit, {});
  if (!status.ok()) return status;
  return PQpipelineSync(connection_) == 1 ? absl::OkStatus() : lost();
}

// read_pipeline reads the results of `queries` statements, the last of them COMMIT, and leaves
// pipeline mode.
absl::StatusOr<std::vector<PgResult>> PgConnection::read_pipeline(size_t queries) {
  const int64_t deadline = deadline_ns();
  std::vector<PgResult> results;
  absl::Status failed;
  while (true) {
    absl::StatusOr<PgHandle> result = next_result(deadline);
    if (!result.ok()) return doubt(result.status().message());
    if (*result == nullptr) {
      if (is_broken()) return doubt(lost().message());
      continue;  // the end of one statement's results
    }
    if (PQresultStatus(result->get()) == PGRES_PIPELINE_SYNC) break;
    const absl::Status status = status_of(result->get());
    if (!status.ok() && failed.ok()) {
      if (!is_certain(result->get())) return doubt(status.message());
      failed = status;
    }
    results.emplace_back(result->release());
  }
  CHECK(PQexitPipelineMode(connection_) == 1, PQerrorMessage(connection_));
  if (!failed.ok()) return failed;
  if (warned_) return doubt("the server warned while it committed");
  CHECK(results.size() == queries, results.size(), queries);
  return results;
}

}  // namespace gatetape
