#include "base/db/pg_connect.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/clock.h"

namespace gatetape {
namespace {

// A host that has not answered within this time is skipped. libpq has no such limit for a socket
// that accepts and stays silent; 5 s is far above a slow start of TLS, and short enough that the
// next of several hosts is reached before a session's client gives up.
constexpr int64_t kConnectTimeoutNs = 5'000'000'000;

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
  CHECK(commas >= 0, commas);
  return static_cast<size_t>(commas) + 1;
}

// value_for returns an option as it is for one of several hosts; one port may serve all of them.
std::string value_for(const PQconninfoOption& option, size_t host) {
  if (!is_list_of_hosts(option)) return option.val;
  const std::vector<std::string> parts = absl::StrSplit(option.val, ',');
  return host < parts.size() ? parts[host] : parts.back();
}

// as_options returns settings in the form of the server's command line: `-c name=value`, with a
// backslash before each blank and backslash of a value.
std::string as_options(const std::vector<PgSetting>& settings) {
  std::string text;
  for (const PgSetting& setting : settings) {
    CHECK(setting.name.find_first_of(" =\\") == std::string::npos, setting.name);
    absl::StrAppend(&text, " -c ", setting.name, "=");
    for (const char c : setting.value) {
      if (c == ' ' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

// Parameters are the keywords of a conninfo and their values for one host.
struct Parameters {
  std::vector<std::string> names;
  std::vector<std::string> values;

  void add(std::string_view name, std::string value) {
    names.emplace_back(name);
    values.push_back(std::move(value));
    CHECK(names.size() == values.size(), names.size(), values.size());
  }
};

std::vector<const char*> pointers_of(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  pointers.push_back(nullptr);
  CHECK(pointers.size() == texts.size() + 1, pointers.size());
  return pointers;
}

Parameters parameters_for(const PQconninfoOption* options, size_t host, const PgTarget& target) {
  Parameters parameters;
  std::string server_options;
  for (; options->keyword != nullptr; options++) {
    const std::string_view name = options->keyword;
    if (options->val == nullptr || name == "client_encoding") continue;
    if (name == "options")
      server_options = options->val;
    else
      parameters.add(name, value_for(*options, host));
  }
  // What comes last wins, so ours follow those of the conninfo.
  server_options += as_options(target.settings);
  parameters.add("options", server_options);
  parameters.add("client_encoding", "UTF8");
  return parameters;
}

absl::Status wait_connected(pg_conn* connection) {
  const int64_t deadline_ns = system_clock().mono_ns() + kConnectTimeoutNs;
  PostgresPollingStatusType state =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return absl::UnavailableError(pg_error(connection));
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for_socket({PQsocket(connection), events, deadline_ns}))
      return absl::UnavailableError("the database did not answer in time");
    state = PQconnectPoll(connection);
  }
  CHECK(PQstatus(connection) == CONNECTION_OK, PQstatus(connection));
  return absl::OkStatus();
}

absl::StatusOr<PgHandle> connect_to(const Parameters& parameters) {
  PgHandle connection(PQconnectStartParams(pointers_of(parameters.names).data(),
                                           pointers_of(parameters.values).data(), 0));
  if (connection == nullptr) return absl::UnavailableError("libpq is out of memory");
  const absl::Status connected = wait_connected(connection.get());
  if (!connected.ok()) return connected;
  PQsetnonblocking(connection.get(), 1);
  CHECK(PQisnonblocking(connection.get()) == 1, "a blocking connection knows no deadline");
  // Messages hold the SQLSTATE, which libpqxx 6 leaves out of some of its exceptions.
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  return connection;
}

}  // namespace

void PgFinish::operator()(pg_conn* connection) const { PQfinish(connection); }

std::string pg_error(const pg_conn* connection) {
  return std::string(absl::StripSuffix(PQerrorMessage(connection), "\n"));
}

// Each of several hosts has its own time: PQconnectPoll leaves a silent one to its caller, and only
// PQconnectdb would go on to the next.
absl::StatusOr<PgHandle> pg_connect(const PgTarget& target) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(target.conninfo.c_str(), &why), PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> text(why, PQfreemem);
  if (options == nullptr)
    return absl::InvalidArgumentError(
        absl::StripSuffix(why == nullptr ? "libpq is out of memory" : why, "\n"));
  absl::StatusOr<PgHandle> connection = absl::UnavailableError("the conninfo names no host");
  for (size_t host = 0; host < hosts_in(options.get()) && !connection.ok(); host++)
    connection = connect_to(parameters_for(options.get(), host, target));
  return connection;
}

bool wait_for_socket(const PgWait& wait) {
  CHECK(wait.fd >= 0, wait.fd);
  while (true) {
    const int64_t left_ns = wait.deadline_ns - system_clock().mono_ns();
    if (left_ns <= 0) return false;
    pollfd entry{wait.fd, wait.events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left_ns / 1'000'000 + 1));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

}  // namespace gatetape
