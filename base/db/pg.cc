#include "base/db/pg.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/db/pg_status.h"

namespace gatetape {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kBinary = 1;
// Size of one parameter, in bytes: PostgreSQL stores no larger value.
constexpr size_t kParamBytesMax = size_t{1} << 30;
// Statements that one connection prepares. The texts are constants of this program, about a dozen;
// a text that is built from values would fill the memory of both sides.
constexpr size_t kPreparedMax = 64;
constexpr size_t kParamsMax = 65535;  // of the protocol, which counts them in 16 bits
constexpr char kBegin[] = "begin";
constexpr char kCommit[] = "commit";

// Params holds a list of PgParam in libpq's form; it borrows from the list.
struct Params {
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;

  explicit Params(const std::vector<PgParam>& params) : formats(params.size(), kBinary) {
    for (const PgParam& param : params) {
      CHECK(!param.bytes || param.bytes->size() <= kParamBytesMax, values.size());
      values.push_back(param.bytes ? param.bytes->data() : nullptr);
      lengths.push_back(param.bytes ? static_cast<int>(param.bytes->size()) : 0);
    }
    CHECK(values.size() == formats.size(), values.size(), formats.size());
    CHECK(lengths.size() == formats.size(), lengths.size(), formats.size());
    CHECK(params.size() <= kParamsMax, params.size());
  }
  int count() const { return static_cast<int>(values.size()); }
};

bool counts_rows(const std::vector<PgStatement>& statements) {
  return std::any_of(statements.begin(), statements.end(), [](const PgStatement& statement) {
    return statement.stores || statement.broken_condition != nullptr;
  });
}

// check_count compares the number of rows that a statement reports with what it must store or
// return.
absl::Status check_count(const PgStatement& statement, const PgResult& result) {
  if (statement.broken_condition != nullptr && result.rows() != 1)
    return absl::FailedPreconditionError(statement.broken_condition);
  if (!statement.stores) return absl::OkStatus();
  const PgRows& rows = *statement.stores;
  const uint64_t stored = result.affected();
  if (stored >= rows.min && stored <= rows.max) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      rows.table, " stored ", stored, " of ", rows.max,
      " rows: a trigger, a rule or a policy of the database interferes; run `gatetape doctor`"));
}

}  // namespace

void PgClear::operator()(pg_result* result) const { PQclear(result); }

absl::StatusOr<std::unique_ptr<PgConnection>> PgConnection::connect(const std::string& conninfo) {
  absl::StatusOr<PgHandle> connection = pg_connect({conninfo, {}});
  if (!connection.ok()) return connection.status();
  return std::make_unique<PgConnection>(*std::move(connection));
}

PgConnection::PgConnection(PgHandle connection) : connection_(std::move(connection)) {
  CHECK(connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK);
  PQsetNoticeReceiver(connection_.get(), &PgConnection::on_notice, this);
}

PgConnection::~PgConnection() { CHECK(state_ != State::kRunning); }

void PgConnection::on_notice(void* self, const pg_result* notice) {
  if (is_warning(notice)) static_cast<PgConnection*>(self)->warned_ = true;
}

void PgConnection::set_timeout_s(uint32_t seconds) {
  CHECK(seconds > 0, seconds);
  timeout_s_ = seconds;
}

int64_t PgConnection::deadline_ns() const {
  return system_clock().mono_ns() + int64_t{timeout_s_} * kSecondNs;
}

bool PgConnection::is_broken() const {
  return state_ == State::kClosed || PQstatus(connection_.get()) != CONNECTION_OK;
}

int PgConnection::socket() const { return PQsocket(connection_.get()); }

// The descriptor is closed with the object: libpqxx may still hold this connection.
void PgConnection::close() {
  if (socket() >= 0) shutdown(socket(), SHUT_RDWR);
  state_ = State::kClosed;
  CHECK(is_broken(), "a closed connection must not be used again");
}

absl::Status PgConnection::enter_running() {
  if (is_broken()) return lost();
  CHECK(state_ == State::kIdle, "a statement runs already");
  CHECK(PQtransactionStatus(connection_.get()) != PQTRANS_ACTIVE, "another door's statement runs");
  state_ = State::kRunning;
  return absl::OkStatus();
}

void PgConnection::leave_running() {
  CHECK(state_ != State::kIdle, "no statement ran");
  if (state_ == State::kRunning) state_ = State::kIdle;
}

absl::Status PgConnection::doubt(absl::string_view why) {
  close();
  return absl::AbortedError(absl::StrCat("commit in doubt: ", why));
}

absl::Status PgConnection::lost() const {
  if (state_ == State::kClosed) return absl::UnavailableError("the connection is closed");
  return absl::UnavailableError(pg_error(connection_.get()));
}

// pump waits once for the socket and reads what came; after the deadline it closes the connection.
absl::Status PgConnection::pump(int64_t deadline_ns, bool flushing) {
  CHECK(state_ == State::kRunning, "nothing was sent");
  const short events = static_cast<short>(POLLIN | (flushing ? POLLOUT : 0));
  if (!wait_for_socket({socket(), events, deadline_ns})) {
    close();
    return absl::DeadlineExceededError("the database did not answer in time");
  }
  return PQconsumeInput(connection_.get()) == 1 ? absl::OkStatus() : lost();
}

absl::StatusOr<PgResultHandle> PgConnection::next_result(int64_t deadline_ns) {
  CHECK(deadline_ns > 0, deadline_ns);
  while (true) {
    const int unsent = PQflush(connection_.get());
    // After a failed flush (-1) the server's last words may still be readable: libpq returns them
    // as a result.
    if (unsent != 1 && PQisBusy(connection_.get()) == 0)
      return PgResultHandle(PQgetResult(connection_.get()));
    const absl::Status pumped = pump(deadline_ns, unsent == 1);
    if (!pumped.ok()) return pumped;
  }
}

// finish_query reads all results of a query that was sent (`sent` is libpq's answer to that) and
// returns the first that failed, else the last.
absl::StatusOr<PgResultHandle> PgConnection::finish_query(int sent) {
  CHECK(state_ == State::kRunning || is_broken(), sent);
  if (sent != 1) return lost();
  const int64_t deadline = deadline_ns();
  PgResultHandle kept;
  while (true) {
    absl::StatusOr<PgResultHandle> result = next_result(deadline);
    if (!result.ok()) return result.status();
    if (*result == nullptr) break;
    if (kept == nullptr || status_of(kept.get()).ok()) kept = std::move(*result);
  }
  if (kept == nullptr) return lost();
  if (is_fatal(kept.get())) close();
  const absl::Status status = status_of(kept.get());
  if (!status.ok()) return status;
  return kept;
}

absl::StatusOr<PgResult> PgConnection::execute(const std::string& sql,
                                               const std::vector<PgParam>& params) {
  if (absl::Status entered = enter_running(); !entered.ok()) return entered;
  const Params raw(params);
  absl::StatusOr<PgResultHandle> result = finish_query(
      PQsendQueryParams(connection_.get(), sql.c_str(), raw.count(), nullptr, raw.values.data(),
                        raw.lengths.data(), raw.formats.data(), kBinary));
  leave_running();
  if (!result.ok()) return result.status();
  return PgResult(result->release());
}

absl::Status PgConnection::prepare(const std::string& sql) {
  if (prepared_.contains(sql)) return absl::OkStatus();
  const std::string name = "s" + std::to_string(prepared_.size());
  const absl::Status status =
      finish_query(PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr))
          .status();
  if (!status.ok()) return status;
  CHECK(prepared_.emplace(sql, name).second, sql);
  CHECK(prepared_.size() <= kPreparedMax, sql);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PgResult>> PgConnection::transact(
    const std::vector<PgStatement>& statements) {
  if (absl::Status entered = enter_running(); !entered.ok()) return entered;
  CHECK(PQtransactionStatus(connection_.get()) == PQTRANS_IDLE, "a transaction is open already");
  absl::StatusOr<std::vector<PgResult>> results = run_pipeline(statements);
  leave_running();
  CHECK(!absl::IsAborted(results.status()) || is_broken(), results.status());
  CHECK(!results.ok() || results->size() == statements.size(), statements.size());
  return results;
}

absl::StatusOr<std::vector<PgResult>> PgConnection::run_pipeline(
    const std::vector<PgStatement>& statements) {
  const absl::Status prepared = prepare_all(statements);
  if (absl::IsAborted(prepared)) return doubt(prepared.message());
  if (!prepared.ok()) return prepared;
  clear_warning();
  const absl::Status sent = send_pipeline(statements);
  if (!sent.ok()) return doubt(sent.message());
  absl::StatusOr<std::vector<PgResult>> results = finish_pipeline(statements);
  CHECK(!results.ok() || results->size() >= 2, "BEGIN and COMMIT have results too");
  if (results.ok()) return std::vector<PgResult>(results->begin() + 1, results->end() - 1);
  if (absl::IsAborted(results.status())) return results.status();
  const absl::Status undone = roll_back();
  return undone.ok() ? results.status() : undone;
}

// roll_back ends the failed transaction. Should that fail, the connection is of no more use.
absl::Status PgConnection::roll_back() {
  CHECK(PQpipelineStatus(connection_.get()) == PQ_PIPELINE_OFF, "the pipeline was not read");
  const absl::Status undone = finish_query(PQsendQuery(connection_.get(), "rollback")).status();
  if (!undone.ok()) close();
  CHECK(!undone.ok() || is_broken() || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE,
        PQtransactionStatus(connection_.get()));
  return undone;
}

absl::Status PgConnection::prepare_all(const std::vector<PgStatement>& statements) {
  absl::Status status = prepare(kBegin);
  for (const PgStatement& statement : statements)
    if (status.ok()) status = prepare(statement.sql);
  if (status.ok()) status = prepare(kCommit);
  CHECK(!status.ok() || prepared_.size() >= 2, prepared_.size());
  return status;
}

absl::Status PgConnection::send_prepared(const char* sql, const std::vector<PgParam>& params) {
  const auto statement = prepared_.find(sql);
  CHECK(statement != prepared_.end(), sql);
  const Params raw(params);
  const int sent =
      PQsendQueryPrepared(connection_.get(), statement->second.c_str(), raw.count(),
                          raw.values.data(), raw.lengths.data(), raw.formats.data(), kBinary);
  return sent == 1 ? absl::OkStatus() : lost();
}

// send_pipeline enters pipeline mode and sends everything but the end of the transaction.
absl::Status PgConnection::send_pipeline(const std::vector<PgStatement>& statements) {
  CHECK(!warned_, "a warning of an earlier transaction would put this one in doubt");
  if (PQenterPipelineMode(connection_.get()) != 1) return lost();
  CHECK(PQpipelineStatus(connection_.get()) == PQ_PIPELINE_ON, statements.size());
  absl::Status status = send_prepared(kBegin, {});
  for (const PgStatement& statement : statements)
    if (status.ok()) status = send_prepared(statement.sql, statement.params);
  return status;
}

// send_end sends COMMIT, unless the transaction failed already, and the end of the pipeline.
absl::Status PgConnection::send_end(bool commits) {
  CHECK(PQpipelineStatus(connection_.get()) != PQ_PIPELINE_OFF, commits);
  const absl::Status status = commits ? send_prepared(kCommit, {}) : absl::OkStatus();
  if (!status.ok()) return status;
  return PQpipelineSync(connection_.get()) == 1 ? absl::OkStatus() : lost();
}

// finish_pipeline ends the transaction that was sent, reads the results of BEGIN, the statements
// and COMMIT, and leaves pipeline mode.
absl::StatusOr<std::vector<PgResult>> PgConnection::finish_pipeline(
    const std::vector<PgStatement>& statements) {
  std::vector<PgResult> results;
  absl::Status status =
      counts_rows(statements) ? read_counts(statements, &results) : absl::OkStatus();
  if (absl::IsAborted(status)) return status;
  const absl::Status sent = send_end(status.ok());
  if (!sent.ok()) return doubt(sent.message());
  const absl::Status ended = read_results(SIZE_MAX, &results);
  if (absl::IsAborted(ended)) return ended;
  CHECK(PQexitPipelineMode(connection_.get()) == 1, PQerrorMessage(connection_.get()));
  if (status.ok()) status = ended;
  if (!status.ok()) return status;
  if (warned_) return doubt("the server warned while it committed");
  CHECK(results.size() == statements.size() + 2, results.size(), statements.size());
  return results;
}

// read_counts reads the results of BEGIN and of the statements before COMMIT is sent, and checks
// the number of rows that each statement reports.
absl::Status PgConnection::read_counts(const std::vector<PgStatement>& statements,
                                       std::vector<PgResult>* results) {
  CHECK(results->empty(), results->size());
  if (PQsendFlushRequest(connection_.get()) != 1) return doubt(lost().message());
  const absl::Status read = read_results(statements.size() + 1, results);
  if (!read.ok()) return read;
  CHECK(results->size() == statements.size() + 1, results->size(), statements.size());
  for (size_t i = 0; i < statements.size(); i++)
    if (absl::Status counted = check_count(statements[i], (*results)[i + 1]); !counted.ok())
      return counted;
  return absl::OkStatus();
}

// read_results adds results until there are `results_max` of them, or until the end of the
// pipeline. It returns ABORTED when it is in doubt whether the transaction committed, and the first
// failure when it certainly did not.
absl::Status PgConnection::read_results(size_t results_max, std::vector<PgResult>* results) {
  CHECK(results->size() < results_max, results->size(), results_max);
  const int64_t deadline = deadline_ns();
  absl::Status failed;
  while (results->size() < results_max) {
    absl::StatusOr<PgResultHandle> result = next_result(deadline);
    if (!result.ok()) return doubt(result.status().message());
    if (*result == nullptr) {
      if (is_broken()) return doubt(lost().message());
      continue;  // the end of one statement's results
    }
    if (PQresultStatus(result->get()) == PGRES_PIPELINE_SYNC) return failed;
    const absl::Status status = status_of(result->get());
    if (!status.ok() && failed.ok()) {
      if (!is_certain(result->get())) return doubt(status.message());
      failed = status;
    }
    results->emplace_back(result->release());
  }
  return failed;
}

}  // namespace gatetape
