// Receipts over gRPC, from a log that the test stores as recorder and sealer do.
#include "auditd/receipts.h"

#include "log/checkpoint.h"
#include "log/entry.h"
#include "log/receipt.h"
#include "log/receipt_check.h"
#include "tests/support/memory_tree.h"
#include "tests/support/pg_cluster.h"
#include "tests/unit/auditd/service_fixture.h"

namespace gatetape::auditd {
namespace {

class ReceiptsTest : public ServiceTest {
 protected:
  void insert(const std::string& sql, const std::vector<PgParam>& params) {
    const auto result = owner_->execute(sql, params);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  // log_session stores the list that names a session in a state, and returns its entry.
  std::string log_session(const StoredSession& session, HeadsLine::State state) {
    const HeadsList list = HeadsList::from_lines(
        {{session.id, {session.tree.size(), session.tree.root()}, state},
         {SessionId::mint(1), {1, merkle_leaf("other")}, HeadsLine::State::kOpen}});
    const HeadsEntry heads{std::string(16, 'r'), ++lists_, uint64_t{kNow}, 2, list.root()};
    std::string entry = LogEntry::signed_by(recorder_, heads).to_text();
    const std::string leaf(view(merkle_leaf(entry)));
    insert("insert into gatetape.heads values ($1::timestamptz, $2::bytea, $3::bytea)",
           {PgParam::timestamptz(kNow), PgParam::bytea(leaf), PgParam::bytea(list.to_text())});
    insert(
        "insert into gatetape.session_heads values ($1::uuid, $2::text, $3::timestamptz, "
        "$4::bytea)",
        {PgParam::uuid(session.id.bytes()),
         PgParam::text(state == HeadsLine::State::kClose ? "close" : "open"),
         PgParam::timestamptz(kNow), PgParam::bytea(leaf)});
    return entry;
  }
  std::string registration(const std::string& role,
                           KeyEntry::Action action = KeyEntry::Action::kRegister) {
    return LogEntry::signed_by(log_key_.key,
                               KeyEntry{action, role, issuer_.public_key(), uint64_t{kNow}})
        .to_text();
  }
  // seal stores an entry as the next leaf, and checkpoint signs all leaves.
  void seal(const std::string& entry) {
    insert("insert into gatetape.log_leaf values ($1::bigint, $2::bytea, $3::bytea, 1)",
           {PgParam::int8(static_cast<int64_t>(tree_.size())),
            PgParam::bytea(view(merkle_leaf(entry))), PgParam::bytea(entry)});
    tree_.append(entry);
  }
  void checkpoint() {
    const std::string note = sign_checkpoint({log_key_.name, tree_.head(), ""}, log_key_).to_text();
    insert(
        "insert into gatetape.checkpoint (n, size, epoch, note) values ($1::bigint, "
        "$2::bigint, 1, $3::bytea)",
        {PgParam::int8(++checkpoints_), PgParam::int8(static_cast<int64_t>(tree_.size())),
         PgParam::bytea(note)});
  }
  void tamper(const std::string& sql) {
    const auto db = PgCluster::shared().open(database_name_);
    ASSERT_TRUE(db->run_script("set session_replication_role = replica; " + sql).ok());
  }

  // receipt asks for a receipt, and sets status_.
  Receipt receipt(const std::string& id) {
    grpc::ClientContext context;
    v1::GetReceiptRequest request;
    request.set_id(id);
    v1::GetReceiptResponse response;
    status_ = stub_->GetReceipt(&context, request, &response);
    const auto parsed = Receipt::parse(response.receipt());
    EXPECT_EQ(parsed.ok(), status_.ok()) << response.receipt();
    return parsed.ok() ? *parsed : Receipt();
  }
  // make returns the receipt of a session without gRPC. It calls `on_lease` at each lease.
  absl::StatusOr<Receipt> make(const StoredSession& session, const std::function<void()>& on_lease,
                               bool is_unwanted = false) {
    ReceiptMaker maker({.lease =
                            [&] {
                              on_lease();
                              return database_->lease();
                            },
                        .is_unwanted = [&] { return is_unwanted; },
                        .trusted = trusted_,
                        .log = nullptr,
                        .clock = clock_,
                        .issuer = issuer_});
    return maker.make(session.id);
  }
  ReceiptCheck check(const Receipt& receipt) const {
    return check_receipt(receipt, {log_key_.verifier_key()});
  }

  NoteSigner log_key_{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  MemoryTree tree_;
  uint64_t lists_ = 0;
  int64_t checkpoints_ = 0;
};

TEST_F(ReceiptsTest, a_closed_session_has_a_receipt_that_a_stranger_verifies) {
  seal(registration("auditd"));
  log_session(closed_, HeadsLine::State::kOpen);
  seal(log_session(closed_, HeadsLine::State::kClose));
  checkpoint();
  const Receipt got = receipt("last~1");
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_TRUE(check(got).is_good()) << check(got).existence.to_text();
  EXPECT_EQ(check(got).head.word, ReceiptFinding::Word::kGood);
  EXPECT_EQ(got.session, closed_.id);
  EXPECT_EQ(got.user, "bob");
  EXPECT_EQ(got.login, "root");
  EXPECT_EQ(got.target, "web1");
  EXPECT_EQ(got.state, "closed");
  EXPECT_EQ(got.head.size, closed_.frames.size());
  EXPECT_EQ(got.started_at_ns, static_cast<uint64_t>(closed_.started_at_ns));
  EXPECT_GT(got.ended_at_ns, got.started_at_ns);
  EXPECT_EQ(got.issued_at_ns, uint64_t{kNow});
  EXPECT_EQ(got.log->line.state, HeadsLine::State::kClose);
  ASSERT_EQ(log_.events().size(), 1u);
  EXPECT_EQ(log_.events()[0].get("method"), "GetReceipt");
  EXPECT_EQ(log_.events()[0].get("result"), "ok");
}

TEST_F(ReceiptsTest, a_live_session_has_the_proof_that_it_began) {
  seal(registration("auditd"));
  seal(log_session(live_, HeadsLine::State::kOpen));
  checkpoint();
  live_.add(FrameKind::kOut, 1, "more");
  store(*owner_, live_);
  const Receipt got = receipt("last");
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_TRUE(check(got).is_good());
  EXPECT_EQ(got.state, "live");
  EXPECT_FALSE(got.signatures);
  EXPECT_EQ(got.head.size, got.log->line.head.size + 1);
}

TEST_F(ReceiptsTest, a_receipt_waits_for_the_checkpoint) {
  seal(registration("auditd"));
  seal(log_session(closed_, HeadsLine::State::kOpen));
  const std::string close = log_session(closed_, HeadsLine::State::kClose);
  checkpoint();
  int leases = 0;
  const auto got = make(closed_, [&] {
    if (++leases < 3) return;  // for the facts, and for the first look at the log
    seal(close);
    checkpoint();
  });
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->log->line.state, HeadsLine::State::kClose);
  EXPECT_EQ(leases, 3);
}

TEST_F(ReceiptsTest, a_session_that_ends_meanwhile_has_the_proof_that_it_began) {
  seal(registration("auditd"));
  seal(log_session(live_, HeadsLine::State::kOpen));
  checkpoint();
  int leases = 0;
  const auto got = make(
      live_,
      [&] {
        if (++leases != 2) return;
        live_.add(FrameKind::kOut, 1, "more").end("exit");
        store(*owner_, live_);
        store_head(*owner_, live_, writer_, recorder_);
        seal(log_session(live_, HeadsLine::State::kClose));
        checkpoint();
      },
      true);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->log->line.state, HeadsLine::State::kOpen);
  EXPECT_TRUE(check(*got).is_good());
}

TEST_F(ReceiptsTest, nobody_waits_for_a_client_that_has_gone) {
  seal(registration("auditd"));
  seal(log_session(closed_, HeadsLine::State::kOpen));
  log_session(closed_, HeadsLine::State::kClose);
  checkpoint();
  int leases = 0;
  const auto got = make(
      closed_, [&] { leases++; }, true);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->log->line.state, HeadsLine::State::kOpen);
  EXPECT_EQ(leases, 2);
}

TEST_F(ReceiptsTest, a_session_older_than_the_log_has_a_receipt_without_proof) {
  const Receipt got = receipt(closed_.id.to_text());
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_FALSE(got.log);
  EXPECT_TRUE(got.signatures);
  EXPECT_EQ(check(got).issuer.word, ReceiptFinding::Word::kUnknown);
}

TEST_F(ReceiptsTest, a_key_that_is_not_registered_proves_nothing) {
  seal(registration("gateway"));
  seal(registration("auditd", KeyEntry::Action::kRetire));
  seal(log_session(closed_, HeadsLine::State::kClose));
  checkpoint();
  const auto got = make(
      closed_, [] {}, true);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_FALSE(got->log);
}

TEST_F(ReceiptsTest, nothing_is_stated_about_what_was_altered) {
  struct Row {
    const char* sql;
    const char* told;
  };
  seal(registration("auditd"));
  seal(log_session(closed_, HeadsLine::State::kClose));
  checkpoint();
  const Row rows[] = {
      {"update gatetape.checkpoint set note = 'x'", "a checkpoint of the log is not readable"},
      {"update gatetape.log_leaf set entry = entry || '\\x00' where leaf_index = 1",
       "a heads list is not that of leaf 1"},
      {"update gatetape.heads set list = 'x'", "a heads list is not that of leaf 1"},
      {"update gatetape.session set target = 'other'", "the session was altered"},
  };
  for (const Row& row : rows) {
    tamper(
        "create table kept as select * from gatetape.checkpoint; create table kept_leaf as "
        "select * from gatetape.log_leaf; create table kept_heads as select * from "
        "gatetape.heads; " +
        std::string(row.sql));
    receipt(closed_.id.to_text());
    EXPECT_EQ(status_.error_code(), grpc::StatusCode::DATA_LOSS) << row.sql;
    EXPECT_NE(status_.error_message().find(row.told), std::string::npos)
        << row.sql << ": " << status_.error_message();
    tamper(
        "delete from gatetape.checkpoint; insert into gatetape.checkpoint select * from kept; "
        "delete from gatetape.log_leaf; insert into gatetape.log_leaf select * from kept_leaf; "
        "delete from gatetape.heads; insert into gatetape.heads select * from kept_heads; "
        "drop table kept, kept_leaf, kept_heads");
  }
}

TEST_F(ReceiptsTest, a_leaf_that_is_not_under_its_checkpoint_is_named) {
  seal(registration("auditd"));
  const std::string close = log_session(closed_, HeadsLine::State::kClose);
  seal(close);
  tree_ = MemoryTree::of_size(2);  // another log signs
  checkpoint();
  receipt(closed_.id.to_text());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_NE(status_.error_message().find("of the log is not under its checkpoint"),
            std::string::npos);
}

TEST_F(ReceiptsTest, no_session_no_receipt) {
  receipt("01234567");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace gatetape::auditd
