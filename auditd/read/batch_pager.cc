#include "auditd/read/batch_pager.h"

#include <algorithm>
#include <utility>

namespace gatetape::auditd {
namespace {

// A page ends with the row that passes this many bytes before compression. A page is in memory
// once for each call that reads frames, and 4 MiB keep the cost of a round trip below 1 %.
constexpr int64_t kPageBytes = 4 << 20;
// The most rows that are looked at for a page, because the server adds up their sizes.
constexpr int64_t kPageRowsMax = 1000;

// Rows are found by first_seq and nothing else: one that overlaps another is delivered too, and the
// verifier refuses it.
constexpr char kNext[] = R"(
select first_seq, last_seq, root, bytes_in, bytes_out, codec, raw_bytes, data, last_offset_ns,
       last_kind
from (select *, sum(raw_bytes::bigint) over (order by first_seq rows unbounded preceding) as bytes
      from (select * from gatetape.frames
            where session_id = $1::uuid and first_seq > $2::bigint
            order by first_seq limit $3::bigint) page) page
where bytes - raw_bytes < $4::bigint
order by first_seq)";

constexpr char kSeek[] = R"(
select first_seq from gatetape.frames where session_id = $1::uuid and first_seq <= $2::bigint
order by first_seq desc limit 1)";

}  // namespace

absl::Status BatchPager::seek(Db& db, uint64_t seq) {
  const auto wanted = static_cast<int64_t>(std::min<uint64_t>(seq, INT64_MAX));
  const auto rows = db.query(kSeek, {PgParam::uuid(session_.bytes()), PgParam::int8(wanted)});
  if (!rows.ok()) return rows.status();
  const auto found = read_rows(*rows, [](DbRow& row) { return row.int8(); });
  if (!found.ok()) return found.status();
  after_first_seq_ = found->empty() ? 0 : found->front() - 1;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredBatch>> BatchPager::next(Db& db) {
  const auto rows =
      db.query_binary(kNext, {PgParam::uuid(session_.bytes()), PgParam::int8(after_first_seq_),
                              PgParam::int8(rows_), PgParam::int8(kPageBytes)});
  if (!rows.ok()) return rows.status();
  std::vector<StoredBatch> batches;
  int64_t bytes = 0;
  int64_t raw_bytes = 0;
  for (int row = 0; row < rows->rows(); ++row) {
    StoredBatch batch;
    batch.first_seq = static_cast<uint64_t>(rows->int8(row, 0));
    batch.last_seq = static_cast<uint64_t>(rows->int8(row, 1));
    batch.root = rows->bytes(row, 2);
    batch.bytes_in = static_cast<uint64_t>(rows->int8(row, 3));
    batch.bytes_out = static_cast<uint64_t>(rows->int8(row, 4));
    batch.codec = static_cast<int16_t>(rows->int8(row, 5));
    batch.raw_bytes = static_cast<uint32_t>(rows->int8(row, 6));
    batch.data = rows->bytes(row, 7);
    if (!rows->is_null(row, 8)) batch.last_offset_ns = static_cast<uint64_t>(rows->int8(row, 8));
    if (!rows->is_null(row, 9)) batch.last_kind = static_cast<uint16_t>(rows->int8(row, 9));
    raw_bytes += int64_t{batch.raw_bytes};
    bytes += int64_t{batch.raw_bytes} + 128;
    after_first_seq_ = static_cast<int64_t>(batch.first_seq);
    batches.push_back(std::move(batch));
  }
  // A page that is not full ended for want of rows.
  at_end_ = rows->rows() < rows_ && raw_bytes < kPageBytes;
  if (!batches.empty()) {
    const int64_t mean_bytes = std::max<int64_t>(1, bytes / rows->rows());
    rows_ = std::clamp<int64_t>(kPageBytes / mean_bytes, 1, kPageRowsMax);
  }
  return batches;
}

}  // namespace gatetape::auditd
